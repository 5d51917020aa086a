/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving way, where that may be done.
 */
#ifndef SHIM_LINUX_SCHED_H
#define SHIM_LINUX_SCHED_H

#include <linux/types.h>

static inline void schedule_timeout_uninterruptible(unsigned long ticks)
{
	sim_might_sleep("schedule_timeout");
	sim_sleep(ticks);
}

static inline void cond_resched(void)
{
	sim_check(!sim_current->nr_held, "cond_resched() with %s held", sim_current->held[0]);
	sim_point();
}

#endif
