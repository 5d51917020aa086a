/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wait queues: a count of wake-ups, read before the condition is.
 */
#ifndef SHIM_LINUX_WAIT_H
#define SHIM_LINUX_WAIT_H

#include <linux/jiffies.h>
#include <linux/types.h>

typedef struct {
	unsigned int wakeups;
} wait_queue_head_t;

void sim_wait_on(wait_queue_head_t *wq, unsigned int seen, unsigned long deadline);
void wake_up_all(wait_queue_head_t *wq);

#define wake_up(wq)		wake_up_all(wq)
#define init_waitqueue_head(wq)	((wq)->wakeups = 0)

/* Return: 0 at the end of the time, else what is left of it, at least 1. */
#define wait_event_timeout(wq, cond, timeout) ({ \
	unsigned long end__ = sim_after(timeout); \
	bool ok__; \
	sim_might_sleep("wait_event_timeout"); \
	for (;;) { \
		unsigned int seen__ = (wq).wakeups; \
		ok__ = (cond); \
		if (ok__ || time_after_eq(jiffies, end__)) \
			break; \
		sim_wait_on(&(wq), seen__, end__); \
	} \
	!ok__ ? 0UL : time_before(jiffies, end__) ? end__ - jiffies : 1UL; \
})

#define wait_event(wq, cond) do { \
	unsigned int seen__; \
	sim_might_sleep("wait_event"); \
	while (seen__ = (wq).wakeups, !(cond)) \
		sim_wait_on(&(wq), seen__, SIM_FOREVER); \
} while (0)

#endif
