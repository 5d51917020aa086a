/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spinlocks; lock.c checks how they are used.
 */
#ifndef SHIM_LINUX_SPINLOCK_H
#define SHIM_LINUX_SPINLOCK_H

#include <linux/types.h>

typedef struct {
	const char *name;
	struct sim_task *owner;
	bool in_irq;	/* was taken by an interrupt */
	bool irqs_on;	/* was taken where an interrupt could come */
} spinlock_t;

void sim_spin_lock(spinlock_t *lock, bool irqs_off);
void sim_spin_unlock(spinlock_t *lock);
void sim_assert_held(const spinlock_t *lock);

#define spin_lock_init(l)	(*(l) = (spinlock_t){ .name = #l })
#define spin_lock(l)		sim_spin_lock(l, false)
#define spin_unlock(l)		sim_spin_unlock(l)
#define spin_lock_irqsave(l, f)	((f) = 1, sim_spin_lock(l, true))
#define spin_unlock_irqrestore(l, f) ((void)(f), sim_spin_unlock(l))
#define spin_lock_irq(l)	sim_spin_lock(l, true)
#define spin_unlock_irq(l)	sim_spin_unlock(l)
#define lockdep_assert_held(l)	sim_assert_held(l)
#define __releases(l)

#endif
