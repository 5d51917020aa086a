/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shim: parameters are in module.h.
 */
#include <linux/module.h>
