/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of the machine in sim.h, at Debian's 250 ticks a second.
 */
#ifndef SHIM_LINUX_JIFFIES_H
#define SHIM_LINUX_JIFFIES_H

#include "sim.h"

#define HZ	250

extern unsigned long jiffies;

#define time_before(a, b)	((long)((a) - (b)) < 0)
#define time_after(a, b)	time_before(b, a)
#define time_after_eq(a, b)	(!time_before(a, b))
#define usecs_to_jiffies(us)	msecs_to_jiffies((us) / 1000)
#define msecs_to_jiffies(ms)	(((unsigned long)(ms) * HZ + 999) / 1000)

#endif
