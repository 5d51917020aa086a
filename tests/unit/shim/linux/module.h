/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module's parameters keep their defaults.
 */
#ifndef SHIM_LINUX_MODULE_H
#define SHIM_LINUX_MODULE_H

#include <linux/kernel.h>

#define module_param(name, type, mode) _Static_assert(sizeof(name) > 0, #type)
#define MODULE_PARM_DESC(name, text) _Static_assert(sizeof(text) > 0, "text")

#endif
