/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logarithms.
 */
#ifndef SHIM_LINUX_LOG2_H
#define SHIM_LINUX_LOG2_H

#define ilog2(n)	(63 - __builtin_clzll(n))
#define is_power_of_2(n) ((n) && !((n) & ((n) - 1)))

#endif
