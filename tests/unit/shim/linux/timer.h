/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer, as far as compat.h names one: who has timers is not under test here.
 */
#ifndef SHIM_LINUX_TIMER_H
#define SHIM_LINUX_TIMER_H

struct timer_list {
	unsigned long expires;
};

static inline void del_timer_sync(struct timer_list *timer)
{
	(void)timer;
}

#endif
