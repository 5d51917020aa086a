// SPDX-License-Identifier: GPL-2.0-only
/*
 * The requests of resizing: which are idle, and what their answers mean for
 * the pages in them.
 *
 * Locks: resize.lock; never held over pages_*() or supply_*().
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/virtio.h>

#include "device.h"
#include "resize.h"
#include "supply.h"

/**
 * resize_kick() - start the worker, unless it must not run any more
 * @rz: initialised
 *
 * Context: any, interrupts too.
 */
void resize_kick(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	if (!rz->stopped)
		mod_delayed_work(rz->wq, &rz->work, 0);
	spin_unlock_irqrestore(&rz->lock, flags);
}

/**
 * resize_rests() - whether the balloon changes its size just now
 * @rz: initialised
 *
 * At rest is also who waits for the guest to have more to give, but not who
 * gave back because it had run dry.
 *
 * Context: process; does not sleep.
 */
bool resize_rests(struct resize *rz)
{
	unsigned long flags, size = pages_size(&rz->vb->pages);
	unsigned long target = READ_ONCE(rz->target);
	bool idle, dry, held;

	spin_lock_irqsave(&rz->lock, flags);
	idle = rz->nr_idle == rz->nr_requests && !atomic_read(&rz->retarget);
	dry = rz->policy.backoff_ms;
	held = ktime_to_ms(ktime_get()) < rz->policy.hold_until_ms;
	spin_unlock_irqrestore(&rz->lock, flags);
	return idle && !held && (size == target || (size < target && dry));
}

struct hostcomm_request *resize_get_request(struct resize *rz)
{
	struct hostcomm_request *rq;
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	rq = list_first_entry_or_null(&rz->idle, struct hostcomm_request, node);
	if (rq) {
		list_del_init(&rq->node);
		rz->nr_idle--;
	}
	spin_unlock_irqrestore(&rz->lock, flags);
	return rq;
}

void resize_put_request(struct resize *rz, struct hostcomm_request *rq)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	list_add(&rq->node, &rz->idle);
	rz->nr_idle++;
	spin_unlock_irqrestore(&rz->lock, flags);
}

/* Only now: a guest whose pages the host does not take gave nothing. */
static void resize_gave(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	resize_policy_gave(&rz->policy);
	spin_unlock_irqrestore(&rz->lock, flags);
}

void resize_add_inflating(struct resize *rz, long pages)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	rz->inflating += pages;
	spin_unlock_irqrestore(&rz->lock, flags);
}

/*
 * The host refused: what it did not take is the guest's again, what it did
 * not give back stays the balloon's.  Either way, not again at once.
 */
static void resize_refused(struct resize *rz, struct hostcomm_request *rq,
			   int err, struct list_head *rest)
{
	struct virtio_balloon *vb = rz->vb;
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&rz->lock, flags);
	first = !rz->refused;
	rz->refused = true;
	if (rq->op == HOSTCOMM_DEFLATE) {
		rz->keeps = true;
		rz->keeps_at = jiffies;
	} else {
		resize_policy_dry(&rz->policy, ktime_to_ms(ktime_get()));
	}
	spin_unlock_irqrestore(&rz->lock, flags);
	if (first)
		dev_warn(&vb->vdev->dev,
			 "the host refused to %s %u of %u pages: error %d; still trying\n",
			 rq->op == HOSTCOMM_DEFLATE ? "deflate" : "inflate",
			 rq->pages - rq->acked, rq->pages, err);
	if (rq->op == HOSTCOMM_DEFLATE)
		pages_add(&vb->pages, rest);
	else
		supply_free(rest);
}

void resize_done(struct hostcomm_request *rq, int err)
{
	struct virtio_balloon *vb = container_of(rq->hc, struct virtio_balloon,
						 hostcomm);
	struct resize *rz = &vb->resize;
	LIST_HEAD(chunks);

	/* A reset ends the host's right to all of them, asked or not. */
	if (err == -ENODEV && rq->op == HOSTCOMM_DEFLATE)
		rq->acked = rq->pages;
	supply_split(&rq->page_list, rq->acked, &chunks);

	if (rq->op == HOSTCOMM_DEFLATE) {
		supply_release(vb, &chunks);
	} else {
		supply_charge(vb, &chunks);
		pages_add(&vb->pages, &chunks);
	}
	if (err == -ENODEV)
		supply_free(&rq->page_list);
	else if (resize_may_pass_over(rq, err))
		resize_pass_over(rz, err, &rq->page_list);
	else if (err)
		resize_refused(rz, rq, err, &rq->page_list);
	if (rq->op == HOSTCOMM_INFLATE) {
		resize_add_inflating(rz, -(long)rq->pages);
		if (rq->acked) {
			resize_gave(rz);
			consolidate_kick(&vb->consolidate);
		}
	}
	resize_put_request(rz, rq);
	resize_kick(rz);
}
