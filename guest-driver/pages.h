/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon's pages: which there are, which of them the kernel's migration
 * code holds, how many are on their way in.  One struct balloon_pages a
 * device; its mobility member is the object through which the kernel finds the
 * device that owns a page.
 *
 * Pages come and go as chunks: a chunk is a naturally aligned power of two of
 * pages, linked by the first one's lru, its order in the first one's index.
 * In the balloon a chunk larger than a page is a block: unpublished (whole, unknown
 * to the kernel's migration code) until the publish work marks each of its
 * pages movable; published until one of them is isolated, which breaks it up.
 *
 * Locks: page lock -> balloon_pages.lock.  Only trylock_page() may be used on
 * a ballooned page while another lock is held, and nothing sleeps with
 * balloon_pages.lock held.
 */
#ifndef BALLONET_PAGES_H
#define BALLONET_PAGES_H

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "mobility.h"

/*
 * The largest chunk is 4 MiB on any page size: a kernel that zeroes what it
 * allocates makes the host back all of a chunk before it gets it back.
 */
#define BALLOON_MAX_ORDER \
	min_t(unsigned int, COMPAT_MAX_ORDER, ilog2(SZ_4M) - PAGE_SHIFT)

/**
 * enum balloon_page_state - where a ballooned page is (low bits of private)
 * @BALLOON_PAGE_NONE: not the balloon's (any more)
 * @BALLOON_PAGE_LISTED: on the list; may be isolated or taken
 * @BALLOON_PAGE_ISOLATED: in the hands of migration, which owns page->lru
 * @BALLOON_PAGE_PENDING: replaced an isolated page, but the host has not yet
 *	acknowledged it: not to be touched (I1)
 * @BALLOON_PAGE_BLOCK: part of a published block, whose first page the other
 *	bits of private point to
 */
enum balloon_page_state {
	BALLOON_PAGE_NONE,
	BALLOON_PAGE_LISTED,
	BALLOON_PAGE_ISOLATED,
	BALLOON_PAGE_PENDING,
	BALLOON_PAGE_BLOCK,
};

#define BALLOON_PAGE_STATE_MASK	7UL

/**
 * struct balloon_pages - the pages of one balloon
 * @mobility: the kernel's way to us; probe-time only
 * @changed: called by pages_changed(), any process context, must not sleep; set
 *	once by who drives the size
 * @lock: protects all below up to @returned, and the state of each page
 * @list: the LISTED pages, youngest last; none where the kernel keeps them
 * @unpublished: first pages of unpublished blocks, youngest last; and single pages whose
 *	lock somebody held when they came
 * @blocks: first pages (there, bags) of published blocks, youngest last
 * @listed: length of @list
 * @whole: pages in @unpublished and @blocks
 * @fragmented: those of them in blocks below @host_order
 * @host_order: order of the blocks that the host likes; probe-time only
 * @publishing: pages of a block between @unpublished and @blocks
 * @isolated: pages in state ISOLATED
 * @pending: pages in state PENDING
 * @exchanging: pages that left for an exchange and will be replaced by others
 * @moving: migrate callbacks between pages_begin_move() or pages_replace() and
 *	pages_moved()
 * @closed: no page is isolated any more; the device goes
 * @publish_by: when an unpublished block must publish at the latest, in jiffies
 * @returned: woken when an isolated page came back
 * @publish_work: publishes unpublished blocks
 */
struct balloon_pages {
	struct mobility mobility;
	void (*changed)(struct balloon_pages *bp);
	spinlock_t lock;
	struct list_head list;
	struct list_head unpublished;
	struct list_head blocks;
	unsigned long listed;
	unsigned long whole;
	unsigned long fragmented;
	unsigned int host_order;
	unsigned long publishing;
	unsigned long isolated;
	unsigned long pending;
	unsigned long exchanging;
	unsigned long moving;
	bool closed;
	unsigned long publish_by;
	wait_queue_head_t returned;
	struct delayed_work publish_work;
};

static inline unsigned int chunk_order(struct page *first)
{
	return *compat_page_index(first);
}

static inline void chunk_set_order(struct page *first, unsigned int order)
{
	*compat_page_index(first) = order;
}

static inline unsigned long chunk_pages(struct page *first)
{
	return 1UL << chunk_order(first);
}

void pages_init(struct balloon_pages *bp);
void pages_open(struct balloon_pages *bp);
void pages_close(struct balloon_pages *bp);

void pages_add(struct balloon_pages *bp, struct list_head *chunks);
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 unsigned long max_chunks, struct list_head *chunks);
bool pages_await_lock(struct balloon_pages *bp);
unsigned long pages_size(struct balloon_pages *bp);

bool pages_begin_move(struct balloon_pages *bp);
bool pages_isolate(struct balloon_pages *bp, struct page *page);
void pages_putback(struct balloon_pages *bp, struct page *page);
bool pages_replace(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
void pages_moved(struct balloon_pages *bp);
void pages_acked(struct balloon_pages *bp, struct page *page);
bool pages_refused(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
bool pages_last_isolated(struct balloon_pages *bp, struct page *page);

/* By where they lie, where that can be chosen. */
bool pages_can_choose(void);
unsigned long pages_take_at(struct balloon_pages *bp, struct page *first,
			    unsigned long nr, unsigned long max,
			    struct list_head *chunks);
/* pages_exchange.c */
unsigned long pages_fragmented(struct balloon_pages *bp);
void pages_add_exchanged(struct balloon_pages *bp, struct list_head *chunks);
void pages_lose_exchanged(struct balloon_pages *bp, unsigned long nr);

/* Tells who drives the size that somebody else has changed it. */
static inline void pages_changed(struct balloon_pages *bp)
{
	bp->changed(bp);
}

/* Pages handled in one hold of the lock: keeps callbacks from spinning. */
#define PAGES_PER_HOLD	256

/* For pages_common.c and pages_exchange.c. */
unsigned long pages_enter(struct balloon_pages *bp, struct list_head *chunks,
			  bool exchanged);
unsigned long pages_take_singles(struct balloon_pages *bp, unsigned long max,
				 struct list_head *chunks);
/* For pages_move.c: the lock held. */
void pages_tell_closer(struct balloon_pages *bp);
/* For pages_move.c and pages_choose.c: the lock held; see pages.c. */
bool pages_reach(struct balloon_pages *bp, struct page *page);

/* For the files of pages and blocks only; see pages.c. */
enum balloon_page_state page_state(struct page *page);
void page_set_state(struct page *page, enum balloon_page_state state);
void page_mark_locked(struct balloon_pages *bp, struct page *page);
void page_unmark(struct page *page);

/* Between pages_core.c, pages_core_move.c and blocks_core.c. */
struct mobility_bag;
void pages_list(struct balloon_pages *bp, struct list_head *pages,
		unsigned long nr);
void blocks_lost_page(struct balloon_pages *bp, struct mobility_bag *bag);
bool blocks_forget_spent(struct balloon_pages *bp);

/* blocks_common.c: the lock held. */
void blocks_count(struct balloon_pages *bp, struct page *first, bool in);
void blocks_add_unpublished(struct balloon_pages *bp, struct page *first);
/* blocks_common.c: the lock not held. */
struct page *blocks_next_unpublished(struct balloon_pages *bp);
unsigned long blocks_take_unpublished(struct balloon_pages *bp, unsigned long max,
				      struct list_head *chunks);
bool block_join(struct page *first, unsigned long nr);
void block_link(struct page *first, unsigned int order, struct list_head *chunks);
void blocks_publish_work(struct work_struct *work);
void blocks_publish_all(struct balloon_pages *bp);
void blocks_publish_soon(struct balloon_pages *bp);
/* blocks.c: the lock held. */
bool blocks_break(struct balloon_pages *bp, struct page *page);
/* blocks.c: the lock not held. */
void blocks_publish(struct balloon_pages *bp, struct page *first);
unsigned long blocks_take(struct balloon_pages *bp, unsigned long max,
			  struct list_head *chunks);
bool blocks_break_one(struct balloon_pages *bp);

#endif
