// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning and end of resizing: what is allocated once, and how the balloon
 * is given back, with a host that answers and with one that does not.
 *
 * Locks: resize.lock.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "device.h"
#include "resize.h"
#include "supply.h"

/* How long removal waits for a host that says nothing, ... */
#define RESIZE_FAREWELL		(5 * HZ)
/* ... and how long it goes on with one that answers slowly. */
#define RESIZE_FAREWELL_MOST	(30 * HZ)

static unsigned int floor_mib;
module_param(floor_mib, uint, 0444);
MODULE_PARM_DESC(floor_mib,
		 "available MiB that inflating leaves to the guest (0: 1/64, but 32 to 256)");

static unsigned long resize_floor(void)
{
	unsigned long total = totalram_pages();
	unsigned long mib = SZ_1M >> PAGE_SHIFT;

	if (floor_mib)
		return floor_mib * mib;
	return min(clamp(total / 64, 32 * mib, 256 * mib), total / 4);
}

/**
 * resize_init() - allocate all that resizing will need
 * @rz: zeroed
 * @vb: the device; hostcomm is initialised
 *
 * Context: may sleep.  Return: 0, or -ENOMEM, or -EINVAL where a request could
 * not hold a block (then call resize_exit()).
 */
int resize_init(struct resize *rz, struct virtio_balloon *vb)
{
	bool zeroed = want_init_on_alloc(MOBILITY_GFP);
	int i, err;

	rz->vb = vb;
	rz->floor = resize_floor();
	rz->order = BALLOON_MAX_ORDER;
	rz->nr_requests = zeroed ? RESIZE_REQUESTS_ZEROED : RESIZE_REQUESTS;
	rz->inflate_batch = zeroed ? vb->hostcomm.ops->zeroed_pages :
				     vb->hostcomm.ops->batch_pages;
	rz->stopped = true;
	spin_lock_init(&rz->lock);
	INIT_LIST_HEAD(&rz->idle);
	INIT_LIST_HEAD(&rz->untold);
	INIT_LIST_HEAD(&rz->aside);
	INIT_DELAYED_WORK(&rz->work, resize_work);
	rz->wq = alloc_workqueue("virtio_balloon", WQ_FREEZABLE | WQ_UNBOUND, 0);
	if (!rz->wq)
		return -ENOMEM;
	for (i = 0; i < rz->nr_requests; i++) {
		err = hostcomm_request_init(&vb->hostcomm, &rz->rq[i],
					    vb->hostcomm.ops->batch_pages,
					    vb->hostcomm.ops->batch_chunks,
					    resize_done);
		if (err)
			return err;
		/* Whatever chunk comes first fits: no request is sent empty. */
		if (rz->rq[i].max_pages < 1U << BALLOON_MAX_ORDER ||
		    !rz->rq[i].max_chunks)
			return -EINVAL;
		list_add(&rz->rq[i].node, &rz->idle);
		rz->nr_idle++;
	}
	return 0;
}

/**
 * resize_exit() - free what resize_init() allocated
 * @rz: stopped, nothing with the host; may be one whose init failed
 */
void resize_exit(struct resize *rz)
{
	int i;

	for (i = 0; i < RESIZE_REQUESTS; i++)
		hostcomm_request_exit(&rz->rq[i]);
	if (rz->wq)
		destroy_workqueue(rz->wq);
	rz->wq = NULL;
}

/**
 * resize_start() - the device is ready: go for its target
 * @rz: initialised or stopped
 */
void resize_start(struct resize *rz)
{
	unsigned long flags;

	/* The host may know another size, from before a suspend. */
	virtio_cread_le(rz->vb->vdev, struct virtio_balloon_config, actual,
			&rz->actual);
	spin_lock_irqsave(&rz->lock, flags);
	rz->stopped = false;
	spin_unlock_irqrestore(&rz->lock, flags);
	resize_retarget(rz);
}

/**
 * resize_stop() - no resizing any more
 * @rz: initialised
 *
 * Context: may sleep.
 */
void resize_stop(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	rz->stopped = true;
	spin_unlock_irqrestore(&rz->lock, flags);
	cancel_delayed_work_sync(&rz->work);
}

static bool resize_has_request(void *arg)
{
	struct resize *rz = arg;

	return !list_empty_careful(&rz->idle);
}

/**
 * resize_drain() - wait for what is on its way
 * @rz: stopped
 *
 * Context: may sleep, RESIZE_FAREWELL at most.
 */
void resize_drain(struct resize *rz)
{
	hostcomm_drain(&rz->vb->hostcomm, RESIZE_FAREWELL);
}

/**
 * resize_give_back() - deflate all, as far as the host answers
 * @rz: stopped; the pages are closed
 *
 * Context: may sleep, RESIZE_FAREWELL at most without an answer, and not much
 * longer than RESIZE_FAREWELL_MOST in all.
 */
void resize_give_back(struct resize *rz)
{
	unsigned long end = jiffies + RESIZE_FAREWELL_MOST;
	struct virtio_balloon *vb = rz->vb;
	struct hostcomm_request *rq;

	resize_free_untold(rz);
	if (!hostcomm_drain(&vb->hostcomm, RESIZE_FAREWELL))
		return;
	/* What a host refused to give back is not asked for a second time. */
	rz->refused = false;
	while (pages_size(&vb->pages) && !READ_ONCE(rz->refused) &&
	       time_before(jiffies, end)) {
		if (!hostcomm_wait(&vb->hostcomm, resize_has_request, rz,
				   RESIZE_FAREWELL))
			return;
		rq = resize_get_request(rz);
		if (!resize_deflate(rq, ULONG_MAX)) {
			resize_put_request(rz, rq);
			/* Else what is left is a refused move being undone. */
			if (!pages_await_lock(&vb->pages))
				schedule_timeout_uninterruptible(1);
		}
	}
	if (hostcomm_drain(&vb->hostcomm, RESIZE_FAREWELL))
		resize_report(rz, true);
}

/**
 * resize_free_rest() - free what the host could not be told of
 * @rz: stopped; the device was reset, nothing is on its way
 *
 * Context: may sleep.
 */
void resize_free_rest(struct resize *rz)
{
	struct virtio_balloon *vb = rz->vb;
	LIST_HEAD(pages);

	do {
		pages_take(&vb->pages, ULONG_MAX, ULONG_MAX, &pages);
		supply_release(vb, &pages);
	} while (pages_await_lock(&vb->pages));
	resize_let_go(rz);
}
