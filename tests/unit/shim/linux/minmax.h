/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Minima and maxima are among what kernel code takes for granted.
 */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

#include <linux/kernel.h>

#endif
