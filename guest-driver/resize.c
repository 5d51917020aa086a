// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker that drives the size of the balloon to the target: takes pages from
 * the guest, largest blocks first, keeps several requests on their way, and
 * keeps `actual` true.  Owns the requests it sends and what their answers mean
 * for the pages in them; decides nothing itself (resize_policy does).
 *
 * Memory that the host does not take (persistent memory that the guest uses as
 * RAM, say), or that is the balloon's already, would be the next that the
 * allocator hands out if it were freed at once.  It is kept while others are
 * taken, and is the guest's again when the target is reached or the guest has no
 * more to give.  Likewise some blocks that the guest is to have left: else the
 * largest are what the balloon takes first.
 *
 * While the system sleeps the balloon stays: its pages need neither be kept in
 * RAM nor be written to a hibernation image.  The reset on the way ends what the
 * host knows of them, so after it they are announced again, before any of them
 * may move or leave.
 *
 * Where the guest may have pages of the balloon, it is given some before it runs
 * dry: floor.c looks how much is available, the worker gives.
 *
 * Locks: resize.lock; never held over an allocation, over pages_*() or over
 * chunks_*().  Beginning, end and sleep run while the worker is stopped.
 */
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "resize.h"
#include "alloc.h"
#include "trace.h"

/*
 * How much to spare, at most that and that share of the guest, and the largest
 * and the smallest pieces it comes in: smaller ones, and huge pages, would go
 * back to one processor's own lists.
 */
#define RESIZE_RESERVE		(SZ_2M >> PAGE_SHIFT)
#define RESIZE_RESERVE_SHARE	256
#define RESIZE_RESERVE_MAX	(ilog2(RESIZE_RESERVE) - 1)
#define RESIZE_RESERVE_MIN	(PAGE_ALLOC_COSTLY_ORDER + 1)
/* How often `actual` is told while it changes. */
#define RESIZE_REPORT		(HZ / 10)
/* When to look again for pages that migration holds. */
#define RESIZE_RETRY		(HZ / 20)
/* When to ask a host again that refused. */
#define RESIZE_PAUSE		HZ
/* How long removal waits for a host that says nothing, ... */
#define RESIZE_STOP_TIMEOUT	(5 * HZ)
/* ... and how long it goes on with one that answers slowly. */
#define RESIZE_STOP_TOTAL	(30 * HZ)

/**
 * resize_reserve() - set blocks aside before the balloon takes them all
 * @rz: initialised
 *
 * A guest left with single pages has to compact memory for each process it
 * starts, and one without anything to reclaim tries that once before it kills
 * somebody.  Where the kernel's own memory may be, in blocks that stay movable.
 *
 * Context: process; does not sleep.
 */
static void resize_reserve(struct resize *rz)
{
	gfp_t gfp = (MOBILITY_GFP & ~(__GFP_HIGHMEM | __GFP_RECLAIM)) |
		    __GFP_NOMEMALLOC | __GFP_NOWARN;
	unsigned int order = RESIZE_RESERVE_MAX;
	unsigned long flags, left = totalram_pages() / RESIZE_RESERVE_SHARE;
	struct page *page;
	LIST_HEAD(chunks);
	bool done;

	spin_lock_irqsave(&rz->lock, flags);
	done = !list_empty(&rz->held_back);
	spin_unlock_irqrestore(&rz->lock, flags);
	if (done)
		return;
	left = min_t(unsigned long, left, RESIZE_RESERVE);
	while (left >> RESIZE_RESERVE_MIN) {
		order = min_t(unsigned int, order, ilog2(left));
		page = alloc_pages(gfp, order);
		if (page) {
			chunk_set_order(page, order);
			list_add_tail(&page->lru, &chunks);
			left -= 1UL << order;
		} else if (order-- == RESIZE_RESERVE_MIN) {
			break;
		}
	}
	spin_lock_irqsave(&rz->lock, flags);
	list_splice_tail_init(&chunks, &rz->held_back);
	spin_unlock_irqrestore(&rz->lock, flags);
}

/**
 * resize_may_skip() - whether other pages may do where these did not
 * @rq: answered
 * @err: how
 */
static bool resize_may_skip(const struct hostcomm_request *rq, int err)
{
	return rq->op == HOSTCOMM_INFLATE && (err == -EFAULT || err == -EBADSLT);
}

/**
 * resize_skip() - set refused chunks aside
 * @rz: initialised
 * @err: why they were refused
 * @chunks: they; with the first few may be some that the host would have taken.
 *	Empty on return.
 *
 * Context: process; does not sleep.
 */
static void resize_skip(struct resize *rz, int err, struct list_head *chunks)
{
	unsigned long flags, nr = 0;
	struct page *page;
	bool first;

	list_for_each_entry(page, chunks, lru)
		nr += chunk_pages(page);
	spin_lock_irqsave(&rz->lock, flags);
	first = !rz->refused_pages;
	rz->refused_pages += nr;
	list_splice_tail_init(chunks, &rz->held_back);
	spin_unlock_irqrestore(&rz->lock, flags);
	if (first)
		dev_info(&rz->vb->vdev->dev,
			 "the host does not take some pages: error %d; using others\n",
			 err);
}

/**
 * resize_batch() - guest pages to name in one inflate at most
 * @rz: initialised
 *
 * The host refuses whole ranges.  One that is known to take not all is asked
 * for a block at a time: no more is passed over for one page's sake.
 */
static u32 resize_batch(struct resize *rz)
{
	unsigned long flags;
	u32 pages = rz->inflate_batch;

	spin_lock_irqsave(&rz->lock, flags);
	if (rz->refused_pages)
		pages = 1U << BALLOON_MAX_ORDER;
	spin_unlock_irqrestore(&rz->lock, flags);
	return pages;
}

/**
 * resize_release() - let the guest have what was held back
 * @rz: initialised
 *
 * Context: process; does not sleep.  Return: how many pages.
 */
unsigned long resize_release(struct resize *rz)
{
	unsigned long flags, nr = 0;
	struct page *page;
	LIST_HEAD(chunks);

	spin_lock_irqsave(&rz->lock, flags);
	list_splice_init(&rz->held_back, &chunks);
	spin_unlock_irqrestore(&rz->lock, flags);
	list_for_each_entry(page, &chunks, lru)
		nr += chunk_pages(page);
	chunks_free(&chunks);
	return nr;
}

/* A request that is not on its way, or NULL. */
static struct hostcomm_request *resize_idle_request(struct resize *rz)
{
	int i;

	for (i = 0; i < rz->nr_requests; i++) {
		if (hostcomm_is_idle(&rz->rq[i]))
			return &rz->rq[i];
	}
	return NULL;
}

/* Whether none of the worker's requests is on its way. */
static bool resize_is_quiet(struct resize *rz)
{
	int i;

	for (i = 0; i < rz->nr_requests; i++) {
		if (!hostcomm_is_idle(&rz->rq[i]))
			return false;
	}
	return true;
}

/* Starts the worker, unless it must not run any more; also in interrupts. */
static void resize_kick(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	if (!rz->stopped)
		mod_delayed_work(rz->wq, &rz->work, 0);
	spin_unlock_irqrestore(&rz->lock, flags);
}

/* A request may be used again. */
static void resize_back(struct hostcomm *hc)
{
	resize_kick(&container_of(hc, struct virtio_balloon, hostcomm)->resize);
}

/* Somebody else made the balloon smaller, or larger. */
static void resize_changed(struct balloon_pages *bp)
{
	struct virtio_balloon *vb = container_of(bp, struct virtio_balloon, pages);

	resize_kick(&vb->resize);
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
	bool idle = resize_is_quiet(rz) && !atomic_read(&rz->retarget);
	bool dry, held;

	spin_lock_irqsave(&rz->lock, flags);
	dry = rz->policy.backoff_ms;
	held = ktime_to_ms(ktime_get()) < rz->policy.hold_until_ms;
	spin_unlock_irqrestore(&rz->lock, flags);
	return idle && !held && (size == target || (size < target && dry));
}

/* Only now: a guest whose pages the host does not take gave nothing. */
static void resize_gave(struct resize *rz)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	resize_policy_gave(&rz->policy);
	spin_unlock_irqrestore(&rz->lock, flags);
}

static void resize_add_inflating(struct resize *rz, long pages)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	rz->inflating += pages;
	spin_unlock_irqrestore(&rz->lock, flags);
}

static void resize_add_deflating(struct resize *rz, long pages)
{
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	rz->deflating += pages;
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
		rz->deflate_refused = true;
		rz->deflate_refused_at = jiffies;
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
		chunks_free(rest);
}

static void resize_done(struct hostcomm_request *rq, int err)
{
	struct virtio_balloon *vb = container_of(rq->hc, struct virtio_balloon,
						 hostcomm);
	struct resize *rz = &vb->resize;
	LIST_HEAD(chunks);

	/* A reset ends the host's right to all of them, asked or not. */
	if (err == -ENODEV && rq->op == HOSTCOMM_DEFLATE)
		rq->acked = rq->pages;
	chunks_split(&rq->page_list, rq->acked, &chunks);

	if (rq->op == HOSTCOMM_DEFLATE) {
		chunks_release(vb, &chunks);
	} else {
		chunks_account(vb, &chunks);
		pages_add(&vb->pages, &chunks);
	}
	if (err == -ENODEV)
		chunks_free(&rq->page_list);
	else if (resize_may_skip(rq, err))
		resize_skip(rz, err, &rq->page_list);
	else if (err)
		resize_refused(rz, rq, err, &rq->page_list);
	if (rq->op == HOSTCOMM_INFLATE) {
		resize_add_inflating(rz, -(long)rq->pages);
		if (rq->acked) {
			resize_gave(rz);
			if (rz->grown)
				rz->grown(vb);
		}
	} else {
		resize_add_deflating(rz, -(long)rq->pages);
	}
}

/**
 * resize_wake() - the device was reset and knows nothing of the balloon
 * @rz: stopped; the pages are closed, nothing is on its way
 *
 * Context: may sleep.
 */
void resize_wake(struct resize *rz)
{
	unsigned long nr = 0;

	do {
		nr += pages_take(&rz->vb->pages, ULONG_MAX, ULONG_MAX,
				 &rz->unacked);
	} while (pages_await_lock(&rz->vb->pages));
	resize_add_inflating(rz, nr);
}

/**
 * resize_replay() - send some of what the host does not know any more
 * @rz: the worker's
 * @rq: idle
 *
 * Return: pages sent on their way.
 */
static u32 resize_replay(struct resize *rz, struct hostcomm_request *rq)
{
	struct page *page, *next;

	hostcomm_begin(rq, HOSTCOMM_INFLATE);
	list_for_each_entry_safe(page, next, &rz->unacked, lru) {
		if (!hostcomm_add(rq, page, chunk_pages(page)))
			break;
		list_move_tail(&page->lru, &rq->page_list);
	}
	/* From here on as if the guest had only just given them. */
	chunks_unaccount(rz->vb, &rq->page_list);
	hostcomm_submit(rq);
	return rq->pages;
}

static unsigned long resize_count_unacked(struct resize *rz)
{
	struct page *page;
	unsigned long nr = 0;

	list_for_each_entry(page, &rz->unacked, lru)
		nr += chunk_pages(page);
	return nr;
}

/**
 * resize_keep_unacked() - asleep, maybe again before all was announced
 * @rz: stopped, the device was reset
 */
void resize_keep_unacked(struct resize *rz)
{
	resize_add_inflating(rz, -(long)resize_count_unacked(rz));
	pages_add(&rz->vb->pages, &rz->unacked);
	resize_release(rz);
}

/**
 * resize_free_unacked() - the balloon goes before all was announced
 * @rz: stopped
 */
static void resize_free_unacked(struct resize *rz)
{
	resize_add_inflating(rz, -(long)resize_count_unacked(rz));
	chunks_release(rz->vb, &rz->unacked);
}

/* Takes as many pages as the guest has and the request holds, up to @max. */
static void resize_fill(struct resize *rz, struct hostcomm_request *rq, u64 max)
{
	struct page *page;

	while (rq->pages < max) {
		page = nodes_alloc(&rz->nodes, max - rq->pages,
				   READ_ONCE(rz->floor));
		if (!page)
			return;
		if (!hostcomm_can_name(rq->hc, page_to_pfn(page) +
				       chunk_pages(page) - 1) ||
		    !hostcomm_add(rq, page, chunk_pages(page))) {
			__free_pages(page, chunk_order(page));
			return;
		}
		list_add_tail(&page->lru, &rq->page_list);
	}
}

/* Return: pages sent on their way; 0 if the guest has none. */
static u32 resize_inflate(struct resize *rz, struct hostcomm_request *rq, u64 max)
{
	u32 pages;

	resize_reserve(rz);
	hostcomm_begin(rq, HOSTCOMM_INFLATE);
	resize_fill(rz, rq, min_t(u64, max, resize_batch(rz)));
	pages = rq->pages;
	if (!pages)
		return 0;
	resize_add_inflating(rz, pages);
	hostcomm_submit(rq);
	return pages;
}

/* Return: pages sent on their way; 0 if all are isolated just now. */
static u32 resize_deflate(struct hostcomm_request *rq, u64 max)
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
	resize_add_deflating(&vb->resize, pages);
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
		WRITE_ONCE(rz->retargets, rz->retargets + 1);
	rz->target = target;
	nodes_begin(&rz->nodes);
	rz->wanting = false;
	rz->logged = false;
	spin_lock_irqsave(&rz->lock, flags);
	rz->refused = false;
	rz->deflate_refused = false;
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
static bool resize_report(struct resize *rz, bool quiet)
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

static struct resize_step resize_next(struct resize *rz)
{
	bool managed = rz->vb->managed;
	long available = si_mem_available();
	struct resize_view view = {
		.now_ms = ktime_to_ms(ktime_get()),
		.target = rz->target,
		.available = max(available, 0L),
		.gives = !managed,
	};
	struct resize_step step;
	unsigned long flags;

	spin_lock_irqsave(&rz->lock, flags);
	view.coming = rz->inflating;
	view.leaving = rz->deflating;
	spin_unlock_irqrestore(&rz->lock, flags);
	/* After it: what arrives in between counts twice, rather than not at all. */
	view.size = pages_size(&rz->vb->pages);
	view.floor = memory_floor(managed ? view.size : 0);
	view.usable = memory_usable();
	WRITE_ONCE(rz->floor, view.floor);
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
	nodes_begin(&rz->nodes);
	return wait_ms;
}

static void resize_log_unreached(struct resize *rz)
{
	if (rz->logged || !rz->wanting)
		return;
	rz->logged = true;
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
	if (rz->deflate_refused && time_before(jiffies, rz->deflate_refused_at + RESIZE_PAUSE))
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

	rq = resize_idle_request(rz);
	if (!rq)
		return false;
	if (!list_empty(&rz->unacked))
		return resize_replay(rz, rq);

	step = resize_next(rz);
	switch (step.action) {
	case RESIZE_INFLATE:
		sent = resize_inflate(rz, rq, step.pages);
		if (!sent)
			step.wait_ms = resize_out_of_pages(rz);
		break;
	case RESIZE_DEFLATE:
	case RESIZE_GIVE:
		*delay = resize_deflate_pause(rz);
		if (*delay)
			break;
		sent = resize_deflate(rq, step.pages);
		if (!sent)
			*delay = RESIZE_RETRY;
		else if (step.action == RESIZE_GIVE)
			WRITE_ONCE(rz->floor_given, rz->floor_given + sent);
		break;
	default:
		break;
	}
	rz->wanting = step.wait_ms;
	if (step.wait_ms)
		*delay = msecs_to_jiffies(step.wait_ms);
	if (sent && step.action != RESIZE_INFLATE)
		resize_release(rz);
	return sent;
}

static void resize_work(struct work_struct *work)
{
	struct resize *rz = container_of(work, struct resize, work.work);
	unsigned long flags, delay = 0;
	bool quiet;

	hostcomm_reap(&rz->vb->hostcomm, false);
	if (atomic_xchg(&rz->retarget, 0))
		resize_read_target(rz);

	while (!delay && resize_one(rz, &delay)) {
		resize_report(rz, false);
		cond_resched();
	}

	WRITE_ONCE(rz->gives, !rz->vb->managed && pages_size(&rz->vb->pages));
	quiet = resize_is_quiet(rz);
	/*
	 * Only when no request is out.  Pages that were held back because the
	 * host refused them would be allocated again for the next request, and
	 * the size that is logged would leave out what is on its way.
	 */
	if (quiet) {
		resize_release(rz);
		resize_log_unreached(rz);
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
 * resize_retarget() - the host may have changed its target
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

/**
 * resize_look() - have the guest given pages, if it needs them
 * @rz: started, of a device that allows it
 *
 * Context: any, interrupts too.
 * Return: pages that the guest may take before it is given some; 0 if it is now.
 */
unsigned long resize_look(struct resize *rz)
{
	unsigned long floor = memory_floor(0), low = resize_policy_low(floor);
	unsigned long usable = memory_usable();

	WRITE_ONCE(rz->floor, floor);
	if (usable >= low)
		return usable - low;
	if (READ_ONCE(rz->gives))
		resize_kick(rz);
	return 0;
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
	rz->floor = memory_floor(0);
	rz->nr_requests = zeroed ? RESIZE_REQUESTS_ZEROED : RESIZE_REQUESTS;
	rz->inflate_batch = zeroed ? vb->hostcomm.ops->zeroed_pages :
				     vb->hostcomm.ops->batch_pages;
	rz->stopped = true;
	vb->pages.changed = resize_changed;
	spin_lock_init(&rz->lock);
	INIT_LIST_HEAD(&rz->unacked);
	INIT_LIST_HEAD(&rz->held_back);
	INIT_DELAYED_WORK(&rz->work, resize_work);
	err = nodes_init(&rz->nodes);
	if (err)
		return err;
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
		rz->rq[i].back = resize_back;
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
	nodes_exit(&rz->nodes);
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
	return resize_idle_request(arg);
}

/**
 * resize_drain() - wait for what is on its way
 * @rz: stopped
 *
 * Context: may sleep, RESIZE_STOP_TIMEOUT at most.
 */
void resize_drain(struct resize *rz)
{
	hostcomm_drain(&rz->vb->hostcomm, RESIZE_STOP_TIMEOUT);
}

/**
 * resize_give_back() - deflate all, as far as the host answers
 * @rz: stopped; the pages are closed
 *
 * Context: may sleep, RESIZE_STOP_TIMEOUT at most without an answer, and not much
 * longer than RESIZE_STOP_TOTAL in all.
 */
void resize_give_back(struct resize *rz)
{
	unsigned long end = jiffies + RESIZE_STOP_TOTAL;
	struct virtio_balloon *vb = rz->vb;
	struct hostcomm_request *rq;

	resize_free_unacked(rz);
	if (!hostcomm_drain(&vb->hostcomm, RESIZE_STOP_TIMEOUT))
		return;
	/* What a host refused to give back is not asked for a second time. */
	rz->refused = false;
	while (pages_size(&vb->pages) && !READ_ONCE(rz->refused) &&
	       time_before(jiffies, end)) {
		if (!hostcomm_wait(&vb->hostcomm, false, resize_has_request, rz,
				   RESIZE_STOP_TIMEOUT))
			return;
		rq = resize_idle_request(rz);
		/* Else what is left is a refused move being undone. */
		if (!resize_deflate(rq, ULONG_MAX) &&
		    !pages_await_lock(&vb->pages))
			schedule_timeout_uninterruptible(1);
	}
	if (hostcomm_drain(&vb->hostcomm, RESIZE_STOP_TIMEOUT))
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
		chunks_release(vb, &pages);
	} while (pages_await_lock(&vb->pages));
	resize_release(rz);
}
