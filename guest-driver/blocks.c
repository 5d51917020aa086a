// SPDX-License-Identifier: GPL-2.0-only
/*
 * Published blocks, where the kernel lets us keep the pages: accounted as one,
 * but each page findable for migration.  When migration wants one of them, the
 * block breaks up and its pages are single ones from then on.
 *
 * A published block becomes one chunk again when it is taken whole (block_join()).
 *
 * Locks: page lock -> balloon_pages.lock, which also protects page->private of
 * pages in blocks; page->index of a first page is its block's order.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "pages.h"

static struct page *block_first(struct page *page)
{
	return (struct page *)(page_private(page) & ~BALLOON_PAGE_STATE_MASK);
}

static void page_set_block(struct page *page, struct page *first)
{
	set_page_private(page, (unsigned long)first | BALLOON_PAGE_BLOCK);
}

static void list_single(struct balloon_pages *bp, struct page *page)
{
	lockdep_assert_held(&bp->lock);
	page_set_state(page, BALLOON_PAGE_LISTED);
	list_add_tail(&page->lru, &bp->list);
	bp->listed++;
}

/**
 * blocks_publish() - mark each page of a block for migration
 * @bp: the balloon
 * @first: from blocks_next_unpublished()
 *
 * Until the first page is in state BLOCK, at the very end, none can be
 * isolated.
 *
 * Context: may sleep, as long as somebody holds the lock of one of its pages.
 */
void blocks_publish(struct balloon_pages *bp, struct page *first)
{
	unsigned int order = chunk_order(first);
	unsigned long i, nr = 1UL << order;

	split_page(first, order);
	set_page_private(first, BALLOON_PAGE_NONE);
	for (i = 0; i < nr; i++) {
		if (i)
			page_set_block(first + i, first);
		compat_lock_page(first + i);
		page_mark_locked(bp, first + i);
		unlock_page(first + i);
	}

	spin_lock(&bp->lock);
	bp->publishing -= nr;
	if (order) {
		page_set_block(first, first);
		list_add_tail(&first->lru, &bp->blocks);
		blocks_count(bp, first, true);
	} else {
		list_single(bp, first);
	}
	spin_unlock(&bp->lock);
}

/**
 * blocks_break() - turn the block of a page into single pages
 * @bp: the balloon, locked
 * @page: in state BLOCK
 *
 * Return: false if that block is just being published or taken.
 */
bool blocks_break(struct balloon_pages *bp, struct page *page)
{
	struct page *first = block_first(page);
	unsigned long i, nr;

	lockdep_assert_held(&bp->lock);
	if (page_state(first) != BALLOON_PAGE_BLOCK)
		return false;
	nr = chunk_pages(first);
	list_del(&first->lru);
	blocks_count(bp, first, false);
	for (i = 0; i < nr; i++)
		list_single(bp, first + i);
	return true;
}

/**
 * blocks_break_one() - turn the youngest block into single pages
 * @bp: the balloon
 *
 * Context: may sleep.  Return: whether there was one.
 */
bool blocks_break_one(struct balloon_pages *bp)
{
	struct page *first = blocks_next_unpublished(bp);
	bool ok = first;

	if (first)
		blocks_publish(bp, first);

	spin_lock(&bp->lock);
	if (!list_empty(&bp->blocks))
		ok |= blocks_break(bp, list_last_entry(&bp->blocks, struct page, lru));
	spin_unlock(&bp->lock);
	return ok;
}

/* A block that left @blocks becomes a chunk, or single pages if it must. */
static void block_unpublish(struct page *first, struct list_head *chunks)
{
	unsigned int order = chunk_order(first);
	unsigned long i, nr = 1UL << order;

	/* Who holds a page's lock is in a callback, about to be refused. */
	for (i = 0; i < nr; i++) {
		compat_lock_page(first + i);
		page_unmark(first + i);
		unlock_page(first + i);
	}
	block_link(first, order, chunks);
}

/* The youngest published block that has at most @max pages, off the list. */
static struct page *blocks_pick(struct balloon_pages *bp, unsigned long max)
{
	struct page *first = NULL;

	spin_lock(&bp->lock);
	if (!list_empty(&bp->blocks))
		first = list_last_entry(&bp->blocks, struct page, lru);
	if (first && chunk_pages(first) > max)
		first = NULL;
	if (first) {
		list_del_init(&first->lru);
		blocks_count(bp, first, false);
		/* From here on its pages are refused to migration. */
		page_set_state(first, BALLOON_PAGE_NONE);
	}
	spin_unlock(&bp->lock);
	return first;
}

/**
 * blocks_take() - take one whole block out of the balloon
 * @bp: the balloon
 * @max: pages it may have at most
 * @chunks: it is added here; in single pages if it could not be joined
 *
 * Context: may sleep.  Return: pages taken.
 */
unsigned long blocks_take(struct balloon_pages *bp, unsigned long max,
			  struct list_head *chunks)
{
	unsigned long nr = blocks_take_unpublished(bp, max, chunks);
	struct page *first;

	if (nr)
		return nr;
	first = blocks_pick(bp, max);
	if (!first)
		return 0;
	nr = chunk_pages(first);
	block_unpublish(first, chunks);
	return nr;
}
