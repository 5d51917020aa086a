// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job that gathers the balloon into whole blocks, one step after the other:
 * zone by zone a scan, then exchange after exchange in the order it gives, with
 * pauses so that the job takes no more than its share of a processor.  Decides
 * when; exchange knows how.  And the job's way out of the way of memory that is
 * to go offline.
 *
 * Locks: gather.lock, held over a step.
 */
#include <linux/ktime.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "compat/pcp.h"
#include "balloon.h"
#include "trace.h"

/* How long a step works before it pauses. */
#define GATHER_SLICE_US	5000
/* When to look again whether the balloon is at rest, ... */
#define GATHER_LOOK	(HZ / 10)
/* ... how often for room in a zone: a small one may never have it, ... */
#define GATHER_LOOKS	10
/* ... and for what was switched off. */
#define GATHER_LOOK_OFF	(2 * HZ)
/* After a scan that gained nothing: from, to. */
#define GATHER_SOON	(5 * HZ)
#define GATHER_LATE	(300 * HZ)
/* How long a block that failed is left alone. */
#define GATHER_FORGET	(300 * HZ)
/* After the last inflate. */
#define GATHER_DELAY	(HZ / 5)

static bool gather = true;
module_param(gather, bool, 0644);
MODULE_PARM_DESC(gather,
		 "gather the balloon into the host's huge pages (default: yes)");

static unsigned int gather_cpu = 15;
module_param(gather_cpu, uint, 0644);
MODULE_PARM_DESC(gather_cpu,
		 "percent of one processor for that, 1 to 100 (default: 15)");

static unsigned long gather_pages(struct gather *c)
{
	return 1UL << c->exchange.order;
}

/* Whether there are pages enough for a block. */
static bool gather_is_worth_it(struct gather *c)
{
	return pages_fragmented(&c->vb->pages) >= gather_pages(c);
}

/* Not while the balloon is on its way. */
static bool gather_may_run(struct gather *c)
{
	return !c->offlining && exchange_is_idle(&c->exchange) &&
	       evacuate_is_idle(&c->evacuate) &&
	       !hostcomm_broken(&c->vb->hostcomm) && resize_rests(&c->vb->resize);
}

/*
 * Not while the guest is short: with half of what inflating leaves to it, it
 * has other worries.  And the kernel prints a warning where it finds no room
 * for a page it moves, so it is not asked unless the zone has free pages
 * besides those of the block, which are no room.
 */
static bool gather_has_room(struct gather *c, struct page *first)
{
	struct zone *zone = page_zone(first);
	unsigned long kept = compat_pcp_pages(zone);
	unsigned long needed = low_wmark_pages(zone) + gather_pages(c) +
			       SWAP_CLUSTER_MAX;

	return si_mem_available() + (long)kept >
		       (long)READ_ONCE(c->vb->resize.floor) / 2 &&
	       zone_page_state(zone, NR_FREE_PAGES) + kept > needed;
}

static struct page *gather_page(struct gather *c, u32 block)
{
	return pfn_to_online_page(c->base + block * gather_pages(c));
}

/*
 * A look at a block does not tell that the kernel will not move what is in it;
 * a try does, at the price of moving the rest.
 */
static void gather_remember(struct gather *c, struct page *first)
{
	struct gather_failed *failed = &c->failed[c->next_failed];

	failed->pfn = page_to_pfn(first);
	failed->until = jiffies + GATHER_FORGET;
	c->next_failed = (c->next_failed + 1) % GATHER_FAILED;
	c->stats.failed++;
}

static bool gather_failed_lately(struct gather *c, struct page *first)
{
	unsigned long pfn = page_to_pfn(first);
	unsigned int i;

	for (i = 0; i < GATHER_FAILED; i++) {
		if (c->failed[i].pfn == pfn &&
		    time_before(jiffies, c->failed[i].until))
			return true;
	}
	return false;
}

/* Fills the open exchange from the blocks that are worth least. */
static bool gather_collect(struct gather *c, unsigned long wanting)
{
	struct page *first;
	u32 donor;

	while (wanting) {
		if (!gather_pick_donor(&c->pick, &donor))
			return false;
		first = gather_page(c, donor);
		if (first)
			wanting = exchange_give(&c->exchange, first);
		if (wanting)
			gather_pick_empty(&c->pick);
	}
	return true;
}

/* What to do after a try to make a block whole. */
enum gather_then { THEN_GO_ON, THEN_PAUSE, THEN_REST };

static enum gather_then gather_one(struct gather *c)
{
	struct page *first;
	u32 block;
	int err;

	if (!gather_is_worth_it(c) ||
	    !gather_pick_target(&c->pick, &block))
		return THEN_REST;
	first = gather_page(c, block);
	if (!first || gather_failed_lately(c, first))
		return THEN_GO_ON;
	if (!gather_has_room(c, first)) {
		if (c->looks++ < GATHER_LOOKS) {
			gather_pick_again(&c->pick);
			return THEN_PAUSE;
		}
		c->looks = 0;
		return THEN_REST;
	}
	c->looks = 0;
	if (!gather_collect(c, exchange_open(&c->exchange, first))) {
		exchange_call_off(&c->exchange);
		return THEN_REST;
	}
	err = exchange_run(&c->exchange);
	trace_virtio_balloon_exchange(first, c->exchange.order,
				      c->blocks[block].ballooned,
				      c->blocks[block].in_use, err);
	if (err) {
		gather_remember(c, first);
	} else {
		c->stats.blocks++;
		c->gained++;
	}
	return THEN_GO_ON;
}

/*
 * Blocks become free at the cost of others that are so in part, of which there
 * must be enough.
 */
static enum gather_then gather_evacuate_one(struct gather *c)
{
	struct page *first;
	u32 block;
	int err;

	if (!c->room || !c->due || READ_ONCE(c->kicked) ||
	    !gather_pick_target(&c->pick, &block))
		return THEN_REST;
	first = gather_page(c, block);
	if (!first || !c->blocks[block].in_use || c->blocks[block].ballooned ||
	    gather_failed_lately(c, first))
		return THEN_GO_ON;
	if (!gather_has_room(c, first))
		return THEN_REST;
	c->room--;
	c->due--;
	err = evacuate_run(&c->evacuate, first);
	trace_virtio_balloon_evacuate(first, c->exchange.order,
				      c->blocks[block].in_use, err);
	if (err)
		gather_remember(c, first);
	else
		c->stats.evacuated++;
	return THEN_GO_ON;
}

/* Once more through all zones: a block for the guest for each of the host's. */
static bool gather_evacuate(struct gather *c)
{
	c->evacuating = !c->evacuating && c->gained;
	if (c->evacuating) {
		WRITE_ONCE(c->kicked, false);
		c->due = c->gained;
	}
	return c->evacuating;
}

/* All zones are done.  Return: jiffies until the first is looked at again. */
static unsigned long gather_rest(struct gather *c)
{
	bool interrupted = c->evacuating && READ_ONCE(c->kicked);
	unsigned long gained = c->gained;

	c->zone = 0;
	if (gather_evacuate(c))
		return 1;
	c->gained = 0;
	c->state = GATHER_IDLE;
	if (!gather_is_worth_it(c))
		return 0;
	if (interrupted)
		return 1;
	if (gained || !c->backoff)
		c->backoff = GATHER_SOON;
	else
		c->backoff = min(2 * c->backoff, GATHER_LATE + 0UL);
	c->not_before = jiffies + c->backoff;
	return c->backoff;
}

/* So long that work and pause together have the work's share right. */
static unsigned long gather_pause(u64 worked_us)
{
	unsigned int share = clamp(READ_ONCE(gather_cpu), 1U, 100U);

	return usecs_to_jiffies(worked_us * (100 - share) / share) + 1;
}

/*
 * What a failed exchange cost the balloon, the resize worker makes up for at
 * once: single pages that come are no reason by themselves to try again.
 * Return: jiffies until a scan may be made.
 */
static unsigned long gather_wait(struct gather *c)
{
	unsigned int retargets = resize_retargets(&c->vb->resize);

	if (retargets != c->retargets) {
		c->retargets = retargets;
		c->backoff = 0;
		c->not_before = jiffies;
	}
	return time_before(jiffies, c->not_before) ? c->not_before - jiffies : 0;
}

/* Return: jiffies until the next step; 0 if somebody will call for it. */
static unsigned long gather_step(struct gather *c)
{
	enum gather_then then;
	ktime_t start = ktime_get();
	s64 worked;

	if (!READ_ONCE(gather)) {
		gather_forget(c);
		c->state = GATHER_OFF;
		return GATHER_LOOK_OFF;
	}
	if (!gather_may_run(c)) {
		c->state = GATHER_PAUSED;
		return GATHER_LOOK;
	}
	if (!c->blocks) {
		unsigned long wait = gather_wait(c);
		int err = -ENOENT;

		if (wait)
			return wait;
		if (c->evacuating || gather_is_worth_it(c))
			err = gather_scan(c);
		if (err)
			return err == -ENOENT ? gather_rest(c) : GATHER_SOON;
	}
	c->state = GATHER_RUNNING;
	do {
		then = c->evacuating ? gather_evacuate_one(c) :
				     gather_one(c);
		worked = ktime_us_delta(ktime_get(), start);
	} while (then == THEN_GO_ON && worked < GATHER_SLICE_US &&
		 gather_may_run(c));
	if (then == THEN_REST) {
		gather_forget(c);
		c->zone++;
	}
	if (then == THEN_PAUSE)
		c->state = GATHER_PAUSED;
	return then == THEN_PAUSE ? GATHER_LOOK : gather_pause(worked);
}

static void gather_work(struct work_struct *work)
{
	struct gather *c = container_of(work, struct gather, work.work);
	unsigned long delay;

	if (READ_ONCE(c->stopped))
		return;
	mutex_lock(&c->lock);
	delay = gather_step(c);
	mutex_unlock(&c->lock);
	if (delay && !READ_ONCE(c->stopped))
		queue_delayed_work(c->wq, &c->work, delay);
}

static int gather_memory(struct notifier_block *nb, unsigned long action,
			 void *unused)
{
	struct gather *c = container_of(nb, struct gather, memory_nb);

	int err = 0;

	/* A step ends soon: it waits for the host a few seconds at most. */
	mutex_lock(&c->lock);
	switch (action) {
	case MEM_GOING_OFFLINE:
		/* One that waits for a silent host may be about this memory. */
		if (!exchange_is_idle(&c->exchange) ||
		    !evacuate_is_idle(&c->evacuate))
			err = -EBUSY;
		c->offlining = true;
		gather_forget(c);
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

static void gather_kick(struct gather *c)
{
	if (READ_ONCE(c->stopped))
		return;
	WRITE_ONCE(c->kicked, true);
	mod_delayed_work(c->wq, &c->work, GATHER_DELAY);
}

/* Single pages came, maybe. */
static void gather_grown(struct virtio_balloon *vb)
{
	gather_kick(&vb->gather);
}

/**
 * gather_init() - allocate all that the job will always need
 * @c: zeroed
 * @vb: the device; hostcomm is initialised
 * @block_size: bytes that the host likes to have together; 0 if unknown
 *
 * Context: may sleep.  Return: 0 or -ENOMEM (then call gather_exit()).
 */
int gather_init(struct gather *c, struct virtio_balloon *vb,
		u32 block_size)
{
	int err;

	c->vb = vb;
	c->stopped = true;
	c->not_before = jiffies;
	mutex_init(&c->lock);
	INIT_DELAYED_WORK(&c->work, gather_work);
	vb->resize.grown = gather_grown;
	err = exchange_init(&c->exchange, vb, block_size);
	if (err || !c->exchange.order)
		return err;
	err = evacuate_init(&c->evacuate, vb, c->exchange.order);
	if (err)
		return err;
	c->wq = alloc_workqueue("virtio_balloon_gather",
				WQ_FREEZABLE | WQ_UNBOUND, 1);
	if (!c->wq)
		return -ENOMEM;
	c->memory_nb.notifier_call = gather_memory;
	err = register_memory_notifier(&c->memory_nb);
	if (err)
		c->memory_nb.notifier_call = NULL;
	return err;
}

/**
 * gather_exit() - free what gather_init() allocated
 * @c: stopped, nothing with the host; may be one whose init failed
 */
void gather_exit(struct gather *c)
{
	if (c->memory_nb.notifier_call)
		unregister_memory_notifier(&c->memory_nb);
	/* A call for the work may have crossed gather_stop(). */
	if (c->wq) {
		cancel_delayed_work_sync(&c->work);
		destroy_workqueue(c->wq);
	}
	gather_forget(c);
	evacuate_exit(&c->evacuate);
	exchange_exit(&c->exchange);
}

/**
 * gather_start() - the job may run
 * @c: initialised or stopped
 */
void gather_start(struct gather *c)
{
	if (!c->exchange.order)
		return;
	WRITE_ONCE(c->stopped, false);
	gather_kick(c);
}

/**
 * gather_stop() - no step runs any more, nor will
 * @c: initialised
 *
 * An exchange that waits for the host is left to the answer, at once where waits
 * are to end (hostcomm_end_waits()).
 *
 * Context: may sleep, for the pages of one block to be moved.
 */
void gather_stop(struct gather *c)
{
	if (!c->exchange.order)
		return;
	WRITE_ONCE(c->stopped, true);
	cancel_delayed_work_sync(&c->work);
	mutex_lock(&c->lock);
	gather_forget(c);
	mutex_unlock(&c->lock);
}

/**
 * gather_state_name() - what the job is about, in a word
 * @c: initialised
 */
const char *gather_state_name(const struct gather *c)
{
	static const char * const names[] = {
		[GATHER_OFF] = "off",
		[GATHER_IDLE] = "idle",
		[GATHER_RUNNING] = "running",
		[GATHER_PAUSED] = "paused",
	};

	return names[READ_ONCE(c->state)];
}
