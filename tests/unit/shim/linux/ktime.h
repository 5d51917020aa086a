/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time since boot, from the same clock.
 */
#ifndef SHIM_LINUX_KTIME_H
#define SHIM_LINUX_KTIME_H

#include <linux/jiffies.h>

typedef long long ktime_t;

#define ktime_get()	((ktime_t)(unsigned int)(jiffies + 1000) * (1000 / HZ))
#define ktime_to_ms(t)	(t)
#define ktime_us_delta(a, b) (((a) - (b)) * 1000)

#endif
