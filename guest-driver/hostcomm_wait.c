// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for the host: every wait of the driver for an answer to a request is
 * one of these, and each is bounded (I6).
 *
 * Locks: hostcomm.lock, not held over a wait.
 */
#include <linux/virtio.h>

#include "hostcomm.h"

/**
 * hostcomm_wait() - sleep until a condition that answers bring about
 * @hc: started
 * @cond: looked at after each answer; must not sleep
 * @arg: for @cond
 * @timeout: jiffies without success after which to give up
 *
 * The waiter reaps for itself: it depends on no other thread.
 *
 * Context: may sleep, at most @timeout.  Return: whether @cond came true;
 * false also when the device broke.
 */
bool hostcomm_wait(struct hostcomm *hc, bool (*cond)(void *arg), void *arg,
		   unsigned long timeout)
{
	unsigned long left = timeout;
	bool slept = false;

	for (;;) {
		int seen = atomic_read(&hc->answers);

		hostcomm_reap(hc);
		if (cond(arg))
			return true;
		if (!left || hostcomm_broken(hc))
			return false;
		if (!slept) {
			slept = true;
			spin_lock(&hc->lock);
			hc->stats.waits++;
			spin_unlock(&hc->lock);
		}
		left = wait_event_timeout(hc->acked, cond(arg) ||
					  atomic_read(&hc->answers) != seen,
					  left);
	}
}

static bool hostcomm_idle(void *arg)
{
	struct hostcomm *hc = arg;

	/* Pairs with hostcomm_finished(). */
	return !smp_load_acquire(&hc->inflight);
}

/**
 * hostcomm_drain() - wait until nothing is out
 * @hc: started
 * @timeout: jiffies, for all together
 *
 * Context: may sleep, at most @timeout.  Return: whether all was answered.
 */
bool hostcomm_drain(struct hostcomm *hc, unsigned long timeout)
{
	return hostcomm_wait(hc, hostcomm_idle, hc, timeout);
}

/**
 * hostcomm_broken() - the device is dead or was pulled
 * @hc: any state
 *
 * Context: any.
 */
bool hostcomm_broken(struct hostcomm *hc)
{
	return !READ_ONCE(hc->posting) || hc->ops->broken(hc);
}
