/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module's parameters keep their defaults.
 */
#ifndef SHIM_LINUX_MODULE_H
#define SHIM_LINUX_MODULE_H

#include <linux/kernel.h>

#define module_param(name, type, mode) _Static_assert(sizeof(name) > 0, #type)
#define MODULE_PARM_DESC(name, text) _Static_assert(sizeof(text) > 0, "text")

#define THIS_MODULE		NULL
#define MODULE_DESCRIPTION(text) _Static_assert(sizeof(text) > 0, "text")
#define MODULE_VERSION(text)	_Static_assert(sizeof(text) > 0, "text")
#define MODULE_LICENSE(text)	_Static_assert(sizeof(text) > 0, "text")
#define __init			__attribute__((unused))
#define __exit			__attribute__((unused))

/* What insmod and rmmod do. */
int sim_module_init(void);
void sim_module_exit(void);

#define module_init(fn)		int sim_module_init(void) { return fn(); } _Static_assert(1, "")
#define module_exit(fn)		void sim_module_exit(void) { fn(); } _Static_assert(1, "")

#endif
