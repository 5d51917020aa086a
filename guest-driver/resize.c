// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker that inflates and deflates: takes pages from the guest, largest
 * blocks first, keeps several requests on their way, and keeps `actual` true.
 * Owns the requests it sends; decides nothing itself (resize_policy does).
 *
 * Locks: resize.lock; never held over an allocation or over pages_*().
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "device.h"
#include "resize.h"
#include "supply.h"
#include "trace.h"

/* How often `actual` is told while it changes. */
#define RESIZE_REPORT		(HZ / 10)
/* When to look again for pages that migration holds. */
#define RESIZE_RETRY		(HZ / 20)
/* When to ask a host again that refused. */
#define RESIZE_PAUSE		HZ

/* Return: pages sent on their way; 0 if the guest has none. */
static u32 resize_inflate(struct resize *rz, struct hostcomm_request *rq, u64 max)
{
	u32 pages;

	resize_spare(rz);
	hostcomm_begin(rq, HOSTCOMM_INFLATE);
	supply_alloc(rq, min_t(u64, max, resize_batch(rz)), &rz->order);
	pages = rq->pages;
	if (!pages)
		return 0;
	resize_add_inflating(rz, pages);
	hostcomm_submit(rq);
	return pages;
}

/* Return: pages sent on their way; 0 if all are isolated just now. */
u32 resize_deflate(struct hostcomm_request *rq, u64 max)
{
	struct virtio_balloon *vb = container_of(rq->hc, struct virtio_balloon,
						 hostcomm);
	struct page *page;
	u32 pages;

	hostcomm_begin(rq, HOSTCOMM_DEFLATE);
	pages = pages_take(&vb->pages, min_t(u64, max, rq->max_pages),
			   rq->max_chunks, &rq->page_list);
	if (!pages)
		return 0;
	list_for_each_entry(page, &rq->page_list, lru)
		WARN_ON_ONCE(!hostcomm_add(rq, page, chunk_pages(page)));
	hostcomm_submit(rq);
	return pages;
}

static void resize_read_target(struct resize *rz)
{
	unsigned long flags, target;
	u32 units;

	virtio_cread_le(rz->vb->vdev, struct virtio_balloon_config, num_pages,
			&units);
	target = DIV_ROUND_UP(units, BALLOON_UNITS_PER_PAGE);
	if (target != rz->target)
		WRITE_ONCE(rz->wishes, rz->wishes + 1);
	rz->target = target;
	rz->order = BALLOON_MAX_ORDER;
	rz->wanting = false;
	rz->grumbled = false;
	spin_lock_irqsave(&rz->lock, flags);
	rz->refused = false;
	rz->keeps = false;
	resize_policy_retarget(&rz->policy);
	spin_unlock_irqrestore(&rz->lock, flags);
}

/**
 * resize_report() - tell the host the size, if it does not know it
 * @rz: started or stopped
 * @quiet: nothing is on its way: now, however short ago the last time was
 *
 * Context: may sleep; the worker, or after resize_stop().
 * Return: whether it is still to be told, in RESIZE_REPORT jiffies.
 */
bool resize_report(struct resize *rz, bool quiet)
{
	u32 actual = pages_size(&rz->vb->pages) * BALLOON_UNITS_PER_PAGE;

	if (actual == rz->actual)
		return false;
	if (!quiet && time_before(jiffies, rz->reported + RESIZE_REPORT))
		return true;
	virtio_cwrite_le(rz->vb->vdev, struct virtio_balloon_config, actual,
			 &actual);
	rz->actual = actual;
	rz->reported = jiffies;
	return false;
}

/* Whether none of the worker's requests is on its way. */
static bool resize_is_quiet(struct resize *rz)
{
	unsigned long flags;
	bool ret;

	spin_lock_irqsave(&rz->lock, flags);
	ret = rz->nr_idle == rz->nr_requests;
	spin_unlock_irqrestore(&rz->lock, flags);
	return ret;
}

static struct resize_step resize_next(struct resize *rz)
{
	long available = si_mem_available();
	struct resize_view view = {
		.now_ms = ktime_to_ms(ktime_get()),
		.target = rz->target,
		.available = max(available, 0L),
		.floor = rz->floor,
	};
	struct resize_step step;
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	view.coming = rz->inflating;
	spin_unlock_irqrestore(&rz->lock, flags);
	/* After it: what arrives in between counts twice, rather than not at all. */
	view.size = pages_size(&rz->vb->pages);
	spin_lock_irqsave(&rz->lock, flags);
	step = resize_policy_next(&rz->policy, &view);
	spin_unlock_irqrestore(&rz->lock, flags);
	trace_virtio_balloon_resize(view.target, view.size + view.coming,
				    step.action, step.pages, step.wait_ms);
	return step;
}

static u32 resize_out_of_pages(struct resize *rz)
{
	unsigned long flags;
	u32 wait_ms;

	spin_lock_irqsave(&rz->lock, flags);
	wait_ms = resize_policy_dry(&rz->policy, ktime_to_ms(ktime_get()));
	spin_unlock_irqrestore(&rz->lock, flags);
	rz->order = BALLOON_MAX_ORDER;
	return wait_ms;
}

static void resize_grumble(struct resize *rz)
{
	if (rz->grumbled || !rz->wanting)
		return;
	rz->grumbled = true;
	dev_info(&rz->vb->vdev->dev,
		 "asked for %lu MiB, gave %lu MiB: the guest needs the rest; still trying\n",
		 rz->target >> (20 - PAGE_SHIFT),
		 pages_size(&rz->vb->pages) >> (20 - PAGE_SHIFT));
}

/*
 * Return: jiffies for which a host that refused to let pages go is not asked
 * again.  For one that refused to take some there is the policy's back-off.
 */
static unsigned long resize_deflate_pause(struct resize *rz)
{
	unsigned long flags, delay = 0;

	spin_lock_irqsave(&rz->lock, flags);
	if (rz->keeps && time_before(jiffies, rz->keeps_at + RESIZE_PAUSE))
		delay = RESIZE_PAUSE;
	spin_unlock_irqrestore(&rz->lock, flags);
	return delay;
}

/* One decision. Return: whether to go on; else look again after *@delay. */
static bool resize_one(struct resize *rz, unsigned long *delay)
{
	struct hostcomm_request *rq;
	struct resize_step step;
	u32 sent = 0;

	rq = resize_get_request(rz);
	if (!rq)
		return false;
	if (!list_empty(&rz->untold))
		return resize_announce(rz, rq);

	step = resize_next(rz);
	switch (step.action) {
	case RESIZE_INFLATE:
		sent = resize_inflate(rz, rq, step.pages);
		if (!sent)
			step.wait_ms = resize_out_of_pages(rz);
		break;
	case RESIZE_DEFLATE:
		*delay = resize_deflate_pause(rz);
		if (*delay)
			break;
		sent = resize_deflate(rq, step.pages);
		if (!sent)
			*delay = RESIZE_RETRY;
		break;
	default:
		break;
	}
	rz->wanting = step.wait_ms;
	if (step.wait_ms)
		*delay = msecs_to_jiffies(step.wait_ms);
	if (!sent)
		resize_put_request(rz, rq);
	else if (step.action == RESIZE_DEFLATE)
		resize_let_go(rz);
	return sent;
}

void resize_work(struct work_struct *work)
{
	struct resize *rz = container_of(work, struct resize, work.work);
	unsigned long flags, delay = 0;
	bool quiet;

	hostcomm_reap(&rz->vb->hostcomm);
	if (atomic_xchg(&rz->retarget, 0))
		resize_read_target(rz);

	while (!delay && resize_one(rz, &delay)) {
		resize_report(rz, false);
		cond_resched();
	}

	quiet = resize_is_quiet(rz);
	/*
	 * Not before: the place of what is yet refused would be taken by the
	 * same pages, and what was given is not all counted.
	 */
	if (quiet) {
		resize_let_go(rz);
		resize_grumble(rz);
	}
	if (resize_report(rz, quiet))
		delay = delay ? min(delay, RESIZE_REPORT + 0UL) : RESIZE_REPORT;
	if (!delay)
		return;
	spin_lock_irqsave(&rz->lock, flags);
	/* A kick that came in meanwhile is sooner: it stays. */
	if (!rz->stopped)
		queue_delayed_work(rz->wq, &rz->work, delay);
	spin_unlock_irqrestore(&rz->lock, flags);
}

/**
 * resize_retarget() - the host may have changed its wish
 * @rz: initialised
 *
 * Context: any, interrupts too.
 */
void resize_retarget(struct resize *rz)
{
	atomic_set(&rz->retarget, 1);
	resize_kick(rz);
}

/**
 * resize_ran_dry() - pages were given back because the guest had none left
 * @rz: started
 *
 * Holds inflating off for a while, and has `actual` told.
 */
void resize_ran_dry(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	resize_policy_oom(&rz->policy, ktime_to_ms(ktime_get()));
	spin_unlock_irqrestore(&rz->lock, flags);
	resize_kick(rz);
}
