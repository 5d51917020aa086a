/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What discard.c takes from QEMU, for a test that is both QEMU and the kernel
 * below it. compat.h is left out (its guard is defined by units.mk).
 */
#ifndef SHIM_QEMU_OSDEP_H
#define SHIM_QEMU_OSDEP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct RAMBlock RAMBlock;

int qemu_ram_get_fd(RAMBlock *rb);
bool qemu_ram_is_shared(RAMBlock *rb);
size_t qemu_ram_pagesize(RAMBlock *rb);
size_t qemu_real_host_page_size(void);
const char *qemu_ram_get_idstr(RAMBlock *rb);
void *qemu_ram_get_host_addr(RAMBlock *rb);
int ram_block_discard_range(RAMBlock *rb, uint64_t start, size_t length);
int64_t get_clock(void);

#endif
