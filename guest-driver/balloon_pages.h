/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon's book: which pages are in it.  One struct balloon_pages a device;
 * its mobility member is the object through which the kernel finds the device
 * that owns a page.
 *
 * Pages come and go as chunks.  One that comes is listed among the arrived ones,
 * unknown to the kernel's migration code, so that inflating costs one step a
 * chunk.  Once inflating pauses it is published: each of its pages is entered into
 * the struct balloon_block of the block of memory it lies in, and can be moved
 * from then on.  Nothing is kept in the pages themselves.
 *
 * Locks: page lock -> migrate.lock -> balloon_pages.lock -> the array's own, the
 * kernel's balloon core's.  Only trylock_page() may be used on a ballooned page
 * while another lock is held, and nothing sleeps with balloon_pages.lock held.
 */
#ifndef BALLONET_BALLOON_PAGES_H
#define BALLONET_BALLOON_PAGES_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "chunk.h"
#include "mobility.h"

/* Of the host's blocks, where it does not say. */
#define BALLOON_BLOCK_ORDER \
	min_t(unsigned int, COMPAT_MAX_ORDER, ilog2(SZ_2M) - PAGE_SHIFT)
/* Pages in a block at most. */
#define BALLOON_BLOCK_MAX	(SZ_4M / PAGE_SIZE)

/**
 * struct balloon_block - the published pages of one block of memory
 * @node: on @whole_blocks, @partial_blocks or @spent_blocks of the balloon, or on
 *	none while all its pages are isolated or pending
 * @index: its first PFN, shifted right by the order of blocks
 * @nr: pages in @in
 * @away: pages in @isolated and @pending
 * @mobility: what the kernel needs for pages of this block
 * @in: pages that are in the balloon, and may be isolated or taken.  Where the
 *	kernel's core isolates without asking, those that it holds as well
 * @isolated: pages in the hands of migration, which owns their lru
 * @pending: pages that replaced isolated ones, but which the host has not yet
 *	acknowledged: not to be touched (I1)
 */
struct balloon_block {
	struct list_head node;
	unsigned long index;
	unsigned int nr;
	unsigned int away;
	struct mobility_block mobility;
	DECLARE_BITMAP(in, BALLOON_BLOCK_MAX);
	DECLARE_BITMAP(isolated, BALLOON_BLOCK_MAX);
	DECLARE_BITMAP(pending, BALLOON_BLOCK_MAX);
};

/**
 * struct balloon_pages - the pages of one balloon
 * @mobility: the kernel's way to us; probe-time only
 * @changed: called by pages_changed(), any process context, must not sleep; set
 *	once by who drives the size
 * @order: of blocks; the host's, where it says which it likes; probe-time only
 * @lock: protects all below up to @publish_by, and all of each block
 * @blocks: the blocks, by their index
 * @whole_blocks: those of which every page is in, youngest last
 * @partial_blocks: those of which some are, youngest last
 * @spent_blocks: empty ones that the kernel's core is not yet done with
 * @arrived: chunks that are not published, none larger than a block, youngest last
 * @whole: pages in whole blocks, and in chunks as large
 * @listed: pages in smaller pieces
 * @isolated: pages in the hands of migration, where it asks for them
 * @pending: pages that the host has not acknowledged
 * @exchanging: pages that left for an exchange and will be replaced by others
 * @moving: migrate callbacks between pages_begin_move() and pages_moved()
 * @closed: no page is isolated any more; the device goes
 * @publish_by: when an arrived chunk must be published at the latest, in jiffies
 * @returned: woken when an isolated page came back
 * @publish_work: publishes what arrived
 */
struct balloon_pages {
	struct mobility mobility;
	void (*changed)(struct balloon_pages *bp);
	unsigned int order;
	spinlock_t lock;
	struct xarray blocks;
	struct list_head whole_blocks;
	struct list_head partial_blocks;
	struct list_head spent_blocks;
	struct list_head arrived;
	unsigned long whole;
	unsigned long listed;
	unsigned long isolated;
	unsigned long pending;
	unsigned long exchanging;
	unsigned long moving;
	bool closed;
	unsigned long publish_by;
	wait_queue_head_t returned;
	struct delayed_work publish_work;
};

void pages_init(struct balloon_pages *bp, u32 block_size);
void pages_exit(struct balloon_pages *bp);
void pages_open(struct balloon_pages *bp);
void pages_close(struct balloon_pages *bp);

void pages_add(struct balloon_pages *bp, struct list_head *chunks);
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 unsigned long max_chunks, struct list_head *chunks);
bool pages_await_lock(struct balloon_pages *bp);
void pages_publish_all(struct balloon_pages *bp);
unsigned long pages_size(struct balloon_pages *bp);

/* By where they lie: the block of a page. */
struct page *pages_block_first(struct balloon_pages *bp, struct balloon_block *b);
unsigned long pages_look(struct balloon_pages *bp, struct page *first,
			 unsigned long *ours);
unsigned long pages_take_block(struct balloon_pages *bp, struct page *first,
			       unsigned long max, struct list_head *chunks);
void pages_add_exchanged(struct balloon_pages *bp, struct list_head *chunks);
void pages_lose_exchanged(struct balloon_pages *bp, unsigned long nr);
unsigned long pages_fragmented(struct balloon_pages *bp);

/* What migration does with them. */
bool pages_begin_move(struct balloon_pages *bp);
void pages_moved(struct balloon_pages *bp);
bool pages_isolate(struct balloon_pages *bp, struct page *page);
void pages_putback(struct balloon_pages *bp, struct page *page);
bool pages_replace(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
void pages_acked(struct balloon_pages *bp, struct page *page);
bool pages_refused(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
bool pages_last_isolated(struct balloon_pages *bp, struct page *page);

/* Tells who drives the size that somebody else has changed it. */
static inline void pages_changed(struct balloon_pages *bp)
{
	bp->changed(bp);
}

#endif
