// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the host: made once, begun, filled, submitted, answered, done.
 * Owns the order of posting, the wait for room in a ring, every wait of the
 * driver for an answer, and the end of every request when the host is silent or
 * gone (I6).
 *
 * Locks: hostcomm.lock, innermost, taken in process context only and never held
 * over a wait or a done(); interrupts merely count and wake.  A request that is
 * not submitted has one user.  Must not know what the pages of a request are for.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/virtio.h>

#include "balloon.h"
#include "hostcomm.h"
#include "trace.h"

/* Silence that is worth a line in the log, and how often it is looked for. */
#define HOSTCOMM_SILENCE	(10 * HZ)

static void hostcomm_reap_work(struct work_struct *work)
{
	hostcomm_reap(container_of(work, struct hostcomm, reap_work), false);
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
	INIT_LIST_HEAD(&hc->answered);
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

/*
 * Drops the lock, then has the device look at what was posted: it may do all that a
 * request asks for before it lets this processor go on, and others wait for the
 * lock meanwhile.
 */
static void hostcomm_unlock(struct hostcomm *hc)
	__releases(&hc->lock)
{
	unsigned int i, notify = hc->notify;

	hc->notify = 0;
	spin_unlock(&hc->lock);
	for (i = 0; i < HOSTCOMM_NR_VQS; i++) {
		if (notify & (1U << i))
			virtqueue_notify(hc->vqs[i]);
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
	hostcomm_unlock(hc);
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
	if (rq) {
		WRITE_ONCE(rq->state, HOSTCOMM_DONE);
		rq->err = -ENODEV;
		rq->acked = 0;
	}
	spin_unlock(&hc->lock);
	return rq;
}

/* Calls done(); then the request is its user's again. */
static void hostcomm_finish(struct hostcomm_request *rq)
{
	struct hostcomm *hc = rq->hc;
	void (*back)(struct hostcomm *hc) = rq->back;

	trace_virtio_balloon_done(rq->op, rq->pages, rq->err);
	rq->done(rq, rq->err);
	/* Pairs with hostcomm_is_idle(); not ours to look at from here on. */
	smp_store_release(&rq->state, HOSTCOMM_IDLE);
	if (back)
		back(hc);
	/* Last, as a drain must not end before. */
	spin_lock(&hc->lock);
	/* Pairs with hostcomm_none_out(): who sees none out sees what done() did. */
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
	/* Those that are taken off a ring: no more are, from now on. */
	hostcomm_reap(hc, false);

	/* A done() may submit again: until nothing is left. */
	while ((rq = hostcomm_next_dead(hc)))
		hostcomm_finish(rq);
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
 * must not sleep.  rq->under_page_lock says whether page locks may be held then.
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
	WRITE_ONCE(rq->state, HOSTCOMM_OUT);
	rq->orphaned = false;
	list_add_tail(&rq->node, &hc->waiting);
	hostcomm_post_waiting(hc);
	hostcomm_unlock(hc);
}

/*
 * Takes all answers off the rings and lets what waited use the room; lock held.
 * Return: whether the host had been silent for long.
 */
static bool hostcomm_read_answers(struct hostcomm *hc)
{
	struct hostcomm_request *rq;
	bool was_stalled = false;
	int err;

	lockdep_assert_held(&hc->lock);
	while (hc->posting && (rq = hc->ops->reap(hc, &err))) {
		rq->err = err;
		list_add_tail(&rq->node, &hc->answered);
		hc->last_answer = jiffies;
		was_stalled |= hc->stalled;
		hc->stalled = false;
		hc->stats.refused += !!err;
		hostcomm_post_waiting(hc);
	}
	return was_stalled;
}

/* The next request that done() may be called for here, or NULL. */
static struct hostcomm_request *hostcomm_next_answer(struct hostcomm *hc,
						     bool page_locked)
{
	struct hostcomm_request *rq, *found = NULL;
	bool was_stalled;

	spin_lock(&hc->lock);
	was_stalled = hostcomm_read_answers(hc);
	list_for_each_entry(rq, &hc->answered, node) {
		if (page_locked && !rq->under_page_lock)
			continue;
		list_del_init(&rq->node);
		WRITE_ONCE(rq->state, HOSTCOMM_DONE);
		found = rq;
		break;
	}
	/* The rest is not read in vain: no interrupt may come for it any more. */
	if (!found && !list_empty(&hc->answered))
		queue_work(hc->wq, &hc->reap_work);
	hostcomm_unlock(hc);

	if (was_stalled)
		dev_info(&hc->vdev->dev, "the host answers again\n");
	return found;
}

/**
 * hostcomm_reap() - run done() for all that was answered
 * @hc: any state
 * @page_locked: the caller holds page locks: what may not run then is left to
 *	others
 *
 * Context: process; does not sleep.
 */
void hostcomm_reap(struct hostcomm *hc, bool page_locked)
{
	struct hostcomm_request *rq;

	while ((rq = hostcomm_next_answer(hc, page_locked)))
		hostcomm_finish(rq);
}

/**
 * hostcomm_wait() - sleep until a condition that answers bring about
 * @hc: started
 * @page_locked: see hostcomm_reap()
 * @cond: looked at after each answer; must not sleep
 * @arg: for @cond
 * @timeout: jiffies without success after which to give up
 *
 * The waiter reaps for itself: it depends on no other thread.
 *
 * Context: may sleep, at most @timeout.  Return: whether @cond came true;
 * false also when the device broke, or waits are to end.
 */
bool hostcomm_wait(struct hostcomm *hc, bool page_locked,
		   bool (*cond)(void *arg), void *arg, unsigned long timeout)
{
	unsigned long left = timeout;
	bool slept = false;

	for (;;) {
		int seen = atomic_read(&hc->answers);

		hostcomm_reap(hc, page_locked);
		if (cond(arg))
			return true;
		if (!left || READ_ONCE(hc->ending) || hostcomm_broken(hc))
			return false;
		if (!slept) {
			slept = true;
			spin_lock(&hc->lock);
			hc->stats.waits++;
			spin_unlock(&hc->lock);
		}
		left = wait_event_timeout(hc->acked, cond(arg) ||
					  READ_ONCE(hc->ending) ||
					  atomic_read(&hc->answers) != seen,
					  left);
	}
}

static bool hostcomm_is_back(void *arg)
{
	return hostcomm_is_idle(arg);
}

/**
 * hostcomm_await() - sleep until a request is idle
 * @rq: submitted or idle
 * @timeout: jiffies without an answer after which to give up
 *
 * Who gives up leaves the request to its done(), which finds it orphaned.
 *
 * Context: may sleep, at most @timeout.  Return: whether it is idle; false also
 * when the device broke, or waits are to end.
 */
bool hostcomm_await(struct hostcomm_request *rq, unsigned long timeout)
{
	struct hostcomm *hc = rq->hc;

	if (hostcomm_wait(hc, false, hostcomm_is_back, rq, timeout))
		return true;
	spin_lock(&hc->lock);
	rq->orphaned = rq->state == HOSTCOMM_OUT;
	spin_unlock(&hc->lock);
	if (rq->orphaned)
		return false;
	/* Its done() runs, on another processor, and does not sleep. */
	wait_event(hc->acked, hostcomm_is_idle(rq));
	return true;
}

/**
 * hostcomm_end_waits() - end all waits, now and later, or allow them
 * @hc: initialised
 * @end: which
 *
 * Context: any.
 */
void hostcomm_end_waits(struct hostcomm *hc, bool end)
{
	WRITE_ONCE(hc->ending, end);
	wake_up_all(&hc->acked);
}

static bool hostcomm_none_out(void *arg)
{
	struct hostcomm *hc = arg;

	/* Pairs with hostcomm_finish(). */
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
	return hostcomm_wait(hc, false, hostcomm_none_out, hc, timeout);
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

/**
 * hostcomm_request_init() - allocate a request's wire buffer
 * @hc: where it will be sent
 * @rq: zeroed
 * @max_pages: guest pages it must have room for
 * @max_chunks: runs of pages it must have room for; fewer if the device cannot
 * @done: see hostcomm_submit()
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int hostcomm_request_init(struct hostcomm *hc, struct hostcomm_request *rq,
			  u32 max_pages, u32 max_chunks,
			  void (*done)(struct hostcomm_request *rq, int err))
{
	if (hc->ops_max)
		max_chunks = min(max_chunks, hc->ops_max);
	rq->hc = hc;
	rq->max_pages = max_pages;
	rq->max_chunks = max_chunks;
	rq->done = done;
	INIT_LIST_HEAD(&rq->node);
	INIT_LIST_HEAD(&rq->page_list);
	rq->wire = kzalloc(hc->ops->wire_size(max_pages, max_chunks), GFP_KERNEL);
	return rq->wire ? 0 : -ENOMEM;
}

/**
 * hostcomm_request_exit() - free what hostcomm_request_init() allocated
 * @rq: not submitted; may be one whose init failed or never ran
 */
void hostcomm_request_exit(struct hostcomm_request *rq)
{
	kfree(rq->wire);
	rq->wire = NULL;
}

/**
 * hostcomm_begin() - empty a request for a new trip
 * @rq: not submitted
 * @op: what it will say of its pages
 */
void hostcomm_begin(struct hostcomm_request *rq, enum hostcomm_op op)
{
	rq->op = op;
	rq->pages = 0;
	if (rq->hc->ops->begin)
		rq->hc->ops->begin(rq);
}

/**
 * hostcomm_add() - name consecutive guest pages in a request
 * @rq: begun, not submitted
 * @page: the first of them
 * @nr: how many
 *
 * Context: any.  Return: false if there is no room for them.
 */
bool hostcomm_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	if (nr > hostcomm_room(rq) || !rq->hc->ops->add(rq, page, nr))
		return false;
	rq->pages += nr;
	return true;
}

/**
 * hostcomm_add_swap() - name a page that leaves and one in its place
 * @rq: begun as HOSTCOMM_SWAP, not submitted; hostcomm_ops.swap is set
 * @page: leaves the balloon
 * @newpage: enters it
 *
 * Context: any.  Return: false if there is no room.
 */
bool hostcomm_add_swap(struct hostcomm_request *rq, struct page *page,
		       struct page *newpage)
{
	if (!hostcomm_room(rq) || !rq->hc->ops->add_swap(rq, page, newpage))
		return false;
	rq->pages++;
	return true;
}
