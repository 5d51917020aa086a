/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of kernel code; the wire's come from the system's own headers.
 */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include_next <linux/types.h>
#include <linux/kernel.h>

struct list_head {
	struct list_head *next, *prev;
};

#endif
