// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a request: submit, answered (interrupt), done.  Owns the order of
 * posting, the wait for room in a ring, and the end of every request when the
 * host is silent or gone (I6).
 *
 * Locks: hostcomm.lock, innermost, taken in process context only; interrupts
 * merely count and wake.  Must not know what the pages of a request are for.
 */
#include <linux/virtio.h>

#include "device.h"
#include "hostcomm.h"
#include "trace.h"

/* Silence that is worth a line in the log, and how often it is looked for. */
#define HOSTCOMM_SILENCE	(10 * HZ)

static void hostcomm_reap_work(struct work_struct *work)
{
	hostcomm_reap(container_of(work, struct hostcomm, reap_work));
}

static void hostcomm_watchdog(struct work_struct *work)
{
	struct hostcomm *hc = container_of(work, struct hostcomm, watchdog.work);
	unsigned int inflight;
	bool report;

	spin_lock(&hc->lock);
	inflight = hc->inflight;
	report = inflight && !hc->stalled &&
		 time_after(jiffies, hc->last_answer + HOSTCOMM_SILENCE);
	if (report)
		hc->stalled = true;
	spin_unlock(&hc->lock);

	if (report)
		dev_warn(&hc->vdev->dev,
			 "the host has not answered %u requests for %u s; the balloon waits\n",
			 inflight, HOSTCOMM_SILENCE / HZ);
	if (inflight)
		queue_delayed_work(hc->wq, &hc->watchdog, HOSTCOMM_SILENCE);
}

/**
 * hostcomm_init() - prepare, without queues yet
 * @hc: zeroed
 * @vdev: the device
 * @ops: how to talk
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int hostcomm_init(struct hostcomm *hc, struct virtio_device *vdev,
		  const struct hostcomm_ops *ops)
{
	hc->vdev = vdev;
	hc->ops = ops;
	spin_lock_init(&hc->lock);
	INIT_LIST_HEAD(&hc->waiting);
	init_waitqueue_head(&hc->acked);
	INIT_WORK(&hc->reap_work, hostcomm_reap_work);
	INIT_DELAYED_WORK(&hc->watchdog, hostcomm_watchdog);
	/* Answers free memory: they must be read when memory is short. */
	hc->wq = alloc_workqueue("virtio_balloon_ack",
				 WQ_MEM_RECLAIM | WQ_HIGHPRI | WQ_UNBOUND, 0);
	return hc->wq ? 0 : -ENOMEM;
}

/**
 * hostcomm_exit() - undo hostcomm_init(); after hostcomm_stop()
 * @hc: may be one whose init failed
 */
void hostcomm_exit(struct hostcomm *hc)
{
	if (hc->wq)
		destroy_workqueue(hc->wq);
	hc->wq = NULL;
}

/* Posts what waits, as far as the rings take it; lock held. */
static void hostcomm_post_waiting(struct hostcomm *hc)
{
	struct hostcomm_request *rq, *next;

	lockdep_assert_held(&hc->lock);
	if (!hc->posting)
		return;
	list_for_each_entry_safe(rq, next, &hc->waiting, node) {
		list_del_init(&rq->node);
		if (hc->ops->post(rq)) {
			list_add(&rq->node, &hc->waiting);
			return;
		}
		hc->stats.requests[rq->op]++;
		hc->stats.pages[rq->op] += rq->pages;
		trace_virtio_balloon_post(rq->op, rq->pages);
	}
}

/**
 * hostcomm_start() - the queues are there and the device is ready
 * @hc: initialised
 */
void hostcomm_start(struct hostcomm *hc)
{
	spin_lock(&hc->lock);
	hc->posting = true;
	hc->last_answer = jiffies;
	hostcomm_post_waiting(hc);
	spin_unlock(&hc->lock);
}

/* The next request that will not be answered any more, or NULL. */
static struct hostcomm_request *hostcomm_next_dead(struct hostcomm *hc)
{
	struct hostcomm_request *rq;

	spin_lock(&hc->lock);
	rq = hc->ops->detach(hc);
	if (!rq) {
		rq = list_first_entry_or_null(&hc->waiting,
					      struct hostcomm_request, node);
		if (rq)
			list_del_init(&rq->node);
	}
	spin_unlock(&hc->lock);
	return rq;
}

/* After done(): a drain must not end while pages are in it. */
static void hostcomm_finished(struct hostcomm *hc)
{
	spin_lock(&hc->lock);
	/* Pairs with hostcomm_idle(): who sees none out sees what done() did. */
	smp_store_release(&hc->inflight, hc->inflight - 1);
	spin_unlock(&hc->lock);
	wake_up_all(&hc->acked);
}

/**
 * hostcomm_stop() - end every request that is still out
 * @hc: started or not
 *
 * Call after the device was reset, so that the host can no longer act on what
 * it was sent.  done() gets -ENODEV for each request that was not answered.
 *
 * Context: may sleep; no submit may run beside it or after it.
 */
void hostcomm_stop(struct hostcomm *hc)
{
	struct hostcomm_request *rq;

	spin_lock(&hc->lock);
	hc->posting = false;
	spin_unlock(&hc->lock);
	cancel_work_sync(&hc->reap_work);
	cancel_delayed_work_sync(&hc->watchdog);

	/* A done() may submit again: until nothing is left. */
	while ((rq = hostcomm_next_dead(hc))) {
		rq->acked = 0;
		rq->done(rq, -ENODEV);
		hostcomm_finished(hc);
	}
	/* One of those submits may have started it. */
	cancel_delayed_work_sync(&hc->watchdog);
	memset(hc->vqs, 0, sizeof(hc->vqs));
}

/**
 * hostcomm_answered() - virtqueue callback of the page queues
 * @vq: which
 *
 * Context: interrupt.
 */
void hostcomm_answered(struct virtqueue *vq)
{
	struct virtio_balloon *vb = vq->vdev->priv;
	struct hostcomm *hc = &vb->hostcomm;

	atomic_inc(&hc->answers);
	wake_up_all(&hc->acked);
	queue_work(hc->wq, &hc->reap_work);
}

/**
 * hostcomm_submit() - send a request
 * @rq: begun, with at least one page
 *
 * It may wait for room in the ring, but never fails: rq->done() is called
 * exactly once, with 0 when the host did as told, with -ENODEV when the device
 * was reset first, or with another errno when the host did so only for the
 * first rq->acked pages; then it never will for the rest.  done() runs in
 * process context, maybe before this returns, maybe beside other done()s; it
 * must not sleep.
 *
 * Context: process; does not sleep, does not allocate.
 */
void hostcomm_submit(struct hostcomm_request *rq)
{
	struct hostcomm *hc = rq->hc;

	spin_lock(&hc->lock);
	if (!hc->inflight++) {
		hc->last_answer = jiffies;
		queue_delayed_work(hc->wq, &hc->watchdog, HOSTCOMM_SILENCE);
	}
	list_add_tail(&rq->node, &hc->waiting);
	hostcomm_post_waiting(hc);
	spin_unlock(&hc->lock);
}

/* Takes the next answer off a ring and lets what waited use the room. */
static struct hostcomm_request *hostcomm_next_answer(struct hostcomm *hc,
						     int *err)
{
	struct hostcomm_request *rq = NULL;
	bool was_stalled = false;

	spin_lock(&hc->lock);
	if (hc->posting)
		rq = hc->ops->reap(hc, err);
	if (rq) {
		hc->last_answer = jiffies;
		was_stalled = hc->stalled;
		hc->stalled = false;
		hc->stats.refused += !!*err;
		hostcomm_post_waiting(hc);
	}
	spin_unlock(&hc->lock);

	if (was_stalled)
		dev_info(&hc->vdev->dev, "the host answers again\n");
	return rq;
}

/**
 * hostcomm_reap() - run done() for all that was answered
 * @hc: any state
 *
 * Context: process; does not sleep.
 */
void hostcomm_reap(struct hostcomm *hc)
{
	struct hostcomm_request *rq;
	int err;

	while ((rq = hostcomm_next_answer(hc, &err))) {
		trace_virtio_balloon_done(rq->op, rq->pages, err);
		rq->done(rq, err);
		hostcomm_finished(hc);
	}
}
