// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning and end of the job, and its way out of the way of memory that is
 * to go offline.
 *
 * Locks: consolidate.lock.
 */
#include <linux/memory.h>
#include <linux/mm.h>

#include "device.h"

/* After the last inflate. */
#define CONSOLIDATE_DELAY	(HZ / 5)

static int consolidate_memory(struct notifier_block *nb, unsigned long action,
			      void *unused)
{
	struct consolidate *c = container_of(nb, struct consolidate, memory_nb);

	int err = 0;

	/* A step ends soon: it waits for the host a few seconds at most. */
	mutex_lock(&c->lock);
	switch (action) {
	case MEM_GOING_OFFLINE:
		/* One that waits for a silent host may be about this memory. */
		if (!exchange_is_idle(&c->exchange) ||
		    !vacate_is_idle(&c->vacate))
			err = -EBUSY;
		c->offlining = true;
		consolidate_forget(c);
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_OFFLINE:
		/* Also heard by who was not asked: somebody before said no. */
		c->offlining = false;
		break;
	default:
		break;
	}
	mutex_unlock(&c->lock);
	return notifier_from_errno(err);
}

/**
 * consolidate_init() - allocate all that the job will always need
 * @c: zeroed
 * @vb: the device; hostcomm is initialised
 * @block_size: bytes that the host likes to have together; 0 if unknown
 *
 * Context: may sleep.  Return: 0 or -ENOMEM (then call consolidate_exit()).
 */
int consolidate_init(struct consolidate *c, struct virtio_balloon *vb,
		     u32 block_size)
{
	int err;

	c->vb = vb;
	c->stopped = true;
	c->not_before = jiffies;
	mutex_init(&c->lock);
	INIT_DELAYED_WORK(&c->work, consolidate_work);
	err = exchange_init(&c->exchange, vb, block_size);
	if (err || !c->exchange.order)
		return err;
	err = vacate_init(&c->vacate, vb, c->exchange.order);
	if (err)
		return err;
	vb->pages.host_order = c->exchange.order;
	c->wq = alloc_workqueue("virtio_balloon_consolidate",
				WQ_FREEZABLE | WQ_UNBOUND, 1);
	if (!c->wq)
		return -ENOMEM;
	c->memory_nb.notifier_call = consolidate_memory;
	err = register_memory_notifier(&c->memory_nb);
	if (err)
		c->memory_nb.notifier_call = NULL;
	return err;
}

/**
 * consolidate_exit() - free what consolidate_init() allocated
 * @c: stopped, nothing with the host; may be one whose init failed
 */
void consolidate_exit(struct consolidate *c)
{
	if (c->memory_nb.notifier_call)
		unregister_memory_notifier(&c->memory_nb);
	/* A call for the work may have crossed consolidate_stop(). */
	if (c->wq) {
		cancel_delayed_work_sync(&c->work);
		destroy_workqueue(c->wq);
	}
	consolidate_forget(c);
	vacate_exit(&c->vacate);
	exchange_exit(&c->exchange);
}

/**
 * consolidate_start() - the job may run
 * @c: initialised or stopped
 */
void consolidate_start(struct consolidate *c)
{
	if (!c->exchange.order)
		return;
	exchange_stop(&c->exchange, false);
	vacate_stop(&c->vacate, false);
	WRITE_ONCE(c->stopped, false);
	consolidate_kick(c);
}

/**
 * consolidate_stop() - no step runs any more, nor will
 * @c: initialised
 *
 * An exchange that waits for the host is left to the answer.
 *
 * Context: may sleep, for the pages of one block to be moved.
 */
void consolidate_stop(struct consolidate *c)
{
	if (!c->exchange.order)
		return;
	WRITE_ONCE(c->stopped, true);
	exchange_stop(&c->exchange, true);
	vacate_stop(&c->vacate, true);
	cancel_delayed_work_sync(&c->work);
	mutex_lock(&c->lock);
	consolidate_forget(c);
	mutex_unlock(&c->lock);
}

/**
 * consolidate_kick() - single pages came into the balloon
 * @c: initialised
 *
 * Context: any but a hard interrupt.
 */
void consolidate_kick(struct consolidate *c)
{
	if (READ_ONCE(c->stopped))
		return;
	WRITE_ONCE(c->kicked, true);
	mod_delayed_work(c->wq, &c->work, CONSOLIDATE_DELAY);
}

/**
 * consolidate_state_name() - what the job is about, in a word
 * @c: initialised
 */
const char *consolidate_state_name(const struct consolidate *c)
{
	static const char * const names[] = {
		[CONSOLIDATE_OFF] = "off",
		[CONSOLIDATE_IDLE] = "idle",
		[CONSOLIDATE_RUNNING] = "running",
		[CONSOLIDATE_PAUSED] = "paused",
	};

	return names[READ_ONCE(c->state)];
}
