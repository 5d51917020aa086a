/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vm_core.c shows of itself beside the kernel's interface.
 */
#ifndef BALLONET_VM_CORE_H
#define BALLONET_VM_CORE_H

#include <stdbool.h>

/* NR_BALLOON_PAGES of the only node. */
extern long vm_balloon_pages;

/* Whether somebody is changing a list just now. */
bool vm_core_busy(void);

#endif
