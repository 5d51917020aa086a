// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Spinlocks, sleeping on wait queues, and the rules a kernel built for
 * debugging would check: one order of locks, no sleep with one held, plain
 * locks never taken in interrupts.
 */
#include <stdio.h>
#include <string.h>

#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define CLASSES	16

static const char *classes[CLASSES];
static bool seen_inside[CLASSES][CLASSES];

void sim_lockdep_reset(void)
{
	memset(classes, 0, sizeof(classes));
	memset(seen_inside, 0, sizeof(seen_inside));
}

static int class_of(const char *name)
{
	for (int i = 0; i < CLASSES; i++) {
		if (!classes[i])
			classes[i] = name;
		if (!strcmp(classes[i], name))
			return i;
	}
	sim_fail("more than %d kinds of locks", CLASSES);
}

static void check_order(spinlock_t *lock)
{
	int inner = class_of(lock->name);

	for (int i = 0; i < sim_current->nr_held; i++) {
		int outer = class_of(sim_current->held[i]);

		sim_check(outer != inner, "%s inside %s", lock->name, lock->name);
		sim_check(!seen_inside[outer][inner], "%s inside %s, elsewhere it is the outer one",
			  lock->name, classes[outer]);
		seen_inside[inner][outer] = true;
	}
}

static bool is_free(void *arg)
{
	return !((spinlock_t *)arg)->owner;
}

void sim_spin_lock(spinlock_t *lock, bool irqs_off)
{
	sim_check(lock->name, "a lock that was never initialised, or is gone");
	sim_check(lock->owner != sim_current, "%s taken twice", lock->name);
	if (sim_current->in_irq) {
		sim_check(irqs_off, "%s taken in an interrupt, interrupts on", lock->name);
		lock->in_irq = true;
	} else if (!irqs_off) {
		lock->irqs_on = true;
	}
	sim_check(!(lock->in_irq && lock->irqs_on),
		  "%s is taken in interrupts, and elsewhere with interrupts on", lock->name);
	sim_check(sim_current->nr_held < SIM_LOCKS, "too many locks held");
	check_order(lock);
	sim_point();
	if (lock->owner)
		sim_block(is_free, lock, SIM_FOREVER, lock->name);
	lock->owner = sim_current;
	sim_current->held[sim_current->nr_held++] = lock->name;
}

void sim_spin_unlock(spinlock_t *lock)
{
	sim_check(lock->owner == sim_current, "%s unlocked by who does not hold it", lock->name);
	sim_check(sim_current->held[sim_current->nr_held - 1] == lock->name,
		  "%s unlocked out of order", lock->name);
	sim_current->nr_held--;
	lock->owner = NULL;
	sim_point();
}

void sim_assert_held(const spinlock_t *lock)
{
	sim_check(lock->owner == sim_current, "%s is not held", lock->name);
}

struct sleeper {
	wait_queue_head_t *wq;
	unsigned int seen;
};

static bool was_woken(void *arg)
{
	struct sleeper *s = arg;

	return s->wq->wakeups != s->seen;
}

/* Only a wake-up or the deadline ends it: a wake-up that nobody sends shows. */
void sim_wait_on(wait_queue_head_t *wq, unsigned int seen, unsigned long deadline)
{
	struct sleeper s = { wq, seen };

	sim_block(was_woken, &s, deadline, "a wake-up");
}

void wake_up_all(wait_queue_head_t *wq)
{
	wq->wakeups++;
	sim_point();
}
