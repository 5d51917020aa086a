// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job that gathers the balloon into whole blocks, one step after the other:
 * zone by zone a scan, then exchange after exchange in the order it gives, with
 * pauses so that the job takes no more than its share of a processor.  Decides
 * when; exchange knows how.  And the job's way out of the way of memory that is
 * to go offline.
 *
 * Locks: consolidate.lock, held over a step.
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
#include "device.h"
#include "trace.h"

/* How long a step works before it pauses. */
#define CONSOLIDATE_SLICE_US	5000
/* When to look again whether the balloon is at rest, ... */
#define CONSOLIDATE_LOOK	(HZ / 10)
/* ... how often for room in a zone: a small one may never have it, ... */
#define CONSOLIDATE_LOOKS	10
/* ... and for what was switched off. */
#define CONSOLIDATE_DOZE	(2 * HZ)
/* After a census that gained nothing: from, to. */
#define CONSOLIDATE_SOON	(5 * HZ)
#define CONSOLIDATE_LATE	(300 * HZ)
/* How long a block that failed is left alone. */
#define CONSOLIDATE_FORGET	(300 * HZ)
/* After the last inflate. */
#define CONSOLIDATE_DELAY	(HZ / 5)

static bool consolidate = true;
module_param(consolidate, bool, 0644);
MODULE_PARM_DESC(consolidate,
		 "gather the balloon into the host's huge pages (default: yes)");

static unsigned int consolidate_cpu = 15;
module_param(consolidate_cpu, uint, 0644);
MODULE_PARM_DESC(consolidate_cpu,
		 "percent of one processor for that, 1 to 100 (default: 15)");

static unsigned long consolidate_pages(struct consolidate *c)
{
	return 1UL << c->exchange.order;
}

/* Whether there are pages enough for a block. */
static bool consolidate_is_worth_it(struct consolidate *c)
{
	return pages_loose(&c->vb->pages) >= consolidate_pages(c);
}

/* Not while the balloon is on its way. */
static bool consolidate_may_run(struct consolidate *c)
{
	return !c->offlining && exchange_is_idle(&c->exchange) &&
	       vacate_is_idle(&c->vacate) &&
	       !hostcomm_broken(&c->vb->hostcomm) && resize_rests(&c->vb->resize);
}

/*
 * Not while the guest is short: with half of what inflating leaves to it, it
 * has other worries.  And the kernel prints a warning where it finds no room
 * for a page it moves, so it is not asked unless the zone has free pages
 * besides those of the block, which are no room.
 */
static bool consolidate_has_room(struct consolidate *c, struct page *first)
{
	struct zone *zone = page_zone(first);
	unsigned long kept = compat_pcp_pages(zone);
	unsigned long needed = low_wmark_pages(zone) + consolidate_pages(c) +
			       SWAP_CLUSTER_MAX;

	return si_mem_available() + (long)kept > (long)c->vb->resize.floor / 2 &&
	       zone_page_state(zone, NR_FREE_PAGES) + kept > needed;
}

static struct page *consolidate_page(struct consolidate *c, u32 block)
{
	return pfn_to_online_page(c->base + block * consolidate_pages(c));
}

/*
 * A look at a block does not tell that the kernel will not move what is in it;
 * a try does, at the price of moving the rest.
 */
static void consolidate_remember(struct consolidate *c, struct page *first)
{
	struct consolidate_failed *failed = &c->failed[c->next_failed];

	failed->pfn = page_to_pfn(first);
	failed->until = jiffies + CONSOLIDATE_FORGET;
	c->next_failed = (c->next_failed + 1) % CONSOLIDATE_FAILED;
	c->stats.failed++;
}

static bool consolidate_failed_lately(struct consolidate *c, struct page *first)
{
	unsigned long pfn = page_to_pfn(first);
	unsigned int i;

	for (i = 0; i < CONSOLIDATE_FAILED; i++) {
		if (c->failed[i].pfn == pfn &&
		    time_before(jiffies, c->failed[i].until))
			return true;
	}
	return false;
}

/* Fills the open exchange from the blocks that are worth least. */
static bool consolidate_collect(struct consolidate *c, unsigned long wanting)
{
	struct page *first;
	u32 donor;

	while (wanting) {
		if (!consolidate_pick_donor(&c->pick, &donor))
			return false;
		first = consolidate_page(c, donor);
		if (first)
			wanting = exchange_give(&c->exchange, first);
		if (wanting)
			consolidate_pick_empty(&c->pick);
	}
	return true;
}

/* What to do after a try to make a block whole. */
enum consolidate_then { THEN_GO_ON, THEN_PAUSE, THEN_REST };

static enum consolidate_then consolidate_one(struct consolidate *c)
{
	struct page *first;
	u32 block;
	int err;

	if (!consolidate_is_worth_it(c) ||
	    !consolidate_pick_target(&c->pick, &block))
		return THEN_REST;
	first = consolidate_page(c, block);
	if (!first || consolidate_failed_lately(c, first))
		return THEN_GO_ON;
	if (!consolidate_has_room(c, first)) {
		if (c->looks++ < CONSOLIDATE_LOOKS) {
			consolidate_pick_again(&c->pick);
			return THEN_PAUSE;
		}
		c->looks = 0;
		return THEN_REST;
	}
	c->looks = 0;
	if (!consolidate_collect(c, exchange_open(&c->exchange, first))) {
		exchange_call_off(&c->exchange);
		return THEN_REST;
	}
	err = exchange_run(&c->exchange);
	trace_virtio_balloon_exchange(first, c->exchange.order,
				      c->blocks[block].ballooned,
				      c->blocks[block].busy, err);
	if (err) {
		consolidate_remember(c, first);
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
static enum consolidate_then consolidate_vacate_one(struct consolidate *c)
{
	struct page *first;
	u32 block;
	int err;

	if (!c->room || !c->due || READ_ONCE(c->kicked) ||
	    !consolidate_pick_target(&c->pick, &block))
		return THEN_REST;
	first = consolidate_page(c, block);
	if (!first || !c->blocks[block].busy || c->blocks[block].ballooned ||
	    consolidate_failed_lately(c, first))
		return THEN_GO_ON;
	if (!consolidate_has_room(c, first))
		return THEN_REST;
	c->room--;
	c->due--;
	err = vacate_run(&c->vacate, first);
	trace_virtio_balloon_vacate(first, c->exchange.order,
				    c->blocks[block].busy, err);
	if (err)
		consolidate_remember(c, first);
	else
		c->stats.vacated++;
	return THEN_GO_ON;
}

/* Once more through all zones: a block for the guest for each of the host's. */
static bool consolidate_vacate(struct consolidate *c)
{
	c->vacating = !c->vacating && c->gained;
	if (c->vacating) {
		WRITE_ONCE(c->kicked, false);
		c->due = c->gained;
	}
	return c->vacating;
}

/* All zones are done.  Return: jiffies until the first is looked at again. */
static unsigned long consolidate_rest(struct consolidate *c)
{
	bool interrupted = c->vacating && READ_ONCE(c->kicked);
	unsigned long gained = c->gained;

	c->zone = 0;
	if (consolidate_vacate(c))
		return 1;
	c->gained = 0;
	c->state = CONSOLIDATE_IDLE;
	if (!consolidate_is_worth_it(c))
		return 0;
	if (interrupted)
		return 1;
	if (gained || !c->patience)
		c->patience = CONSOLIDATE_SOON;
	else
		c->patience = min(2 * c->patience, CONSOLIDATE_LATE + 0UL);
	c->not_before = jiffies + c->patience;
	return c->patience;
}

/* So long that work and pause together have the work's share right. */
static unsigned long consolidate_pause(u64 worked_us)
{
	unsigned int share = clamp(READ_ONCE(consolidate_cpu), 1U, 100U);

	return usecs_to_jiffies(worked_us * (100 - share) / share) + 1;
}

/*
 * What a failed exchange cost the balloon, the resize worker makes up for at
 * once: single pages that come are no reason by themselves to try again.
 * Return: jiffies until a census may be made.
 */
static unsigned long consolidate_wait(struct consolidate *c)
{
	unsigned int wishes = resize_wishes(&c->vb->resize);

	if (wishes != c->wishes) {
		c->wishes = wishes;
		c->patience = 0;
		c->not_before = jiffies;
	}
	return time_before(jiffies, c->not_before) ? c->not_before - jiffies : 0;
}

/* Return: jiffies until the next step; 0 if somebody will call for it. */
static unsigned long consolidate_step(struct consolidate *c)
{
	enum consolidate_then then;
	ktime_t start = ktime_get();
	s64 worked;

	if (!READ_ONCE(consolidate)) {
		consolidate_forget(c);
		c->state = CONSOLIDATE_OFF;
		return CONSOLIDATE_DOZE;
	}
	if (!consolidate_may_run(c)) {
		c->state = CONSOLIDATE_PAUSED;
		return CONSOLIDATE_LOOK;
	}
	if (!c->blocks) {
		unsigned long wait = consolidate_wait(c);
		int err = -ENOENT;

		if (wait)
			return wait;
		if (c->vacating || consolidate_is_worth_it(c))
			err = consolidate_census(c);
		if (err)
			return err == -ENOENT ? consolidate_rest(c) : CONSOLIDATE_SOON;
	}
	c->state = CONSOLIDATE_RUNNING;
	do {
		then = c->vacating ? consolidate_vacate_one(c) :
				     consolidate_one(c);
		worked = ktime_us_delta(ktime_get(), start);
	} while (then == THEN_GO_ON && worked < CONSOLIDATE_SLICE_US &&
		 consolidate_may_run(c));
	if (then == THEN_REST) {
		consolidate_forget(c);
		c->zone++;
	}
	if (then == THEN_PAUSE)
		c->state = CONSOLIDATE_PAUSED;
	return then == THEN_PAUSE ? CONSOLIDATE_LOOK : consolidate_pause(worked);
}

static void consolidate_work(struct work_struct *work)
{
	struct consolidate *c = container_of(work, struct consolidate, work.work);
	unsigned long delay;

	if (READ_ONCE(c->stopped))
		return;
	mutex_lock(&c->lock);
	delay = consolidate_step(c);
	mutex_unlock(&c->lock);
	if (delay && !READ_ONCE(c->stopped))
		queue_delayed_work(c->wq, &c->work, delay);
}

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
