/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lock that is slept for, and with.
 */
#ifndef SHIM_LINUX_MUTEX_H
#define SHIM_LINUX_MUTEX_H

#include <linux/kernel.h>

struct mutex {
	struct sim_task *owner;
};

static inline void mutex_init(struct mutex *lock)
{
	lock->owner = NULL;
}

static inline bool sim_mutex_is_free(void *lock)
{
	return !((struct mutex *)lock)->owner;
}

static inline void mutex_lock(struct mutex *lock)
{
	sim_might_sleep("mutex_lock");
	sim_check(lock->owner != sim_current, "a mutex taken twice");
	while (lock->owner)
		sim_block(sim_mutex_is_free, lock, SIM_FOREVER, "a mutex");
	lock->owner = sim_current;
}

static inline void mutex_unlock(struct mutex *lock)
{
	sim_check(lock->owner == sim_current, "a mutex given up by who does not hold it");
	lock->owner = NULL;
	sim_point();
}

#endif
