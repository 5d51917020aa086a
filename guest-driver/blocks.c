// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks in the balloon: chunks of more than one page that are accounted and
 * given back as one.  A block comes in young: nothing is done to its pages, so
 * that inflating costs one step a block.  A work item settles it soon after:
 * each page becomes findable for migration.  When migration wants one of them,
 * the block breaks up and its pages are single ones from then on.
 *
 * A settled block is put together again when it is taken whole: every page is
 * unmarked, and the references of all but the first are frozen, so that the
 * block goes back to the page allocator in one piece.
 *
 * Locks: page lock -> balloon_pages.lock, which also protects page->private of
 * pages in blocks; page->index of a first page is its block's order.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "pages.h"

/* A young block settles when nothing came for so long, ... */
#define BLOCKS_SETTLE_IDLE	(HZ / 20)
/* ... or when it has waited for so long all the same. */
#define BLOCKS_SETTLE_LATEST	HZ

static struct page *block_first(struct page *page)
{
	return (struct page *)(page_private(page) & ~BALLOON_PAGE_STATE_MASK);
}

static void page_set_block(struct page *page, struct page *first)
{
	set_page_private(page, (unsigned long)first | BALLOON_PAGE_BLOCK);
}

/* A block enters or leaves @young or @blocks; the lock held. */
static void blocks_count(struct balloon_pages *bp, struct page *first, bool in)
{
	unsigned long nr = in ? chunk_pages(first) : -chunk_pages(first);

	lockdep_assert_held(&bp->lock);
	bp->whole += nr;
	if (chunk_order(first) < bp->host_order)
		bp->pieces += nr;
}

/**
 * blocks_add_young() - a block enters the balloon
 * @bp: the balloon, locked
 * @first: its first page, linked nowhere
 */
void blocks_add_young(struct balloon_pages *bp, struct page *first)
{
	lockdep_assert_held(&bp->lock);
	if (list_empty(&bp->young))
		bp->settle_by = jiffies + BLOCKS_SETTLE_LATEST;
	list_add_tail(&first->lru, &bp->young);
	blocks_count(bp, first, true);
}

/**
 * blocks_settle_soon() - have young blocks settled once inflating pauses
 * @bp: the balloon
 *
 * Context: any that may take the lock.
 */
void blocks_settle_soon(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	if (!bp->closed && !list_empty(&bp->young)) {
		if (time_before(jiffies, bp->settle_by))
			mod_delayed_work(system_unbound_wq, &bp->settle_work,
					 BLOCKS_SETTLE_IDLE);
		else
			queue_delayed_work(system_unbound_wq, &bp->settle_work, 0);
	}
	spin_unlock(&bp->lock);
}

/* Takes the oldest young block off the balloon's lists, into @settling. */
static struct page *blocks_next_young(struct balloon_pages *bp)
{
	struct page *first;

	spin_lock(&bp->lock);
	first = list_first_entry_or_null(&bp->young, struct page, lru);
	if (first) {
		list_del_init(&first->lru);
		blocks_count(bp, first, false);
		bp->settling += chunk_pages(first);
	}
	spin_unlock(&bp->lock);
	return first;
}

/*
 * Marks each page of a block for migration.  Until the first page is in state
 * BLOCK, at the very end, none can be isolated.
 */
static void block_settle(struct balloon_pages *bp, struct page *first)
{
	unsigned int order = chunk_order(first);
	unsigned long i, nr = 1UL << order;

	split_page(first, order);
	set_page_private(first, BALLOON_PAGE_ALIEN);
	for (i = 0; i < nr; i++) {
		if (i)
			page_set_block(first + i, first);
		page_mark(bp, first + i);
	}

	spin_lock(&bp->lock);
	page_set_block(first, first);
	list_add_tail(&first->lru, &bp->blocks);
	bp->settling -= nr;
	blocks_count(bp, first, true);
	spin_unlock(&bp->lock);
}

/**
 * blocks_settle_work() - make all young blocks movable
 * @work: balloon_pages.settle_work
 */
void blocks_settle_work(struct work_struct *work)
{
	struct balloon_pages *bp = container_of(work, struct balloon_pages,
						settle_work.work);
	struct page *first;

	while ((first = blocks_next_young(bp))) {
		block_settle(bp, first);
		cond_resched();
	}
}

/**
 * blocks_break() - turn the block of a page into single pages
 * @bp: the balloon, locked
 * @page: in state BLOCK
 *
 * Return: false if that block is just being settled or taken.
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
	for (i = 0; i < nr; i++) {
		page_set_state(first + i, BALLOON_PAGE_LISTED);
		list_add_tail(&first[i].lru, &bp->list);
	}
	bp->listed += nr;
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
	struct page *first;
	bool ok = false;

	first = blocks_next_young(bp);
	if (first)
		block_settle(bp, first);

	spin_lock(&bp->lock);
	if (!list_empty(&bp->blocks))
		ok = blocks_break(bp, list_last_entry(&bp->blocks, struct page, lru));
	spin_unlock(&bp->lock);
	return ok;
}

/**
 * block_join() - the reverse of split_page(): one reference, on the first page
 * @first: of pages with one reference each, unmarked
 * @nr: how many
 *
 * Return: false while somebody looks at one of the pages; then all keep their
 * own reference.
 */
bool block_join(struct page *first, unsigned long nr)
{
	unsigned long i;

	for (i = 1; i < nr; i++) {
		if (!page_ref_freeze(first + i, 1))
			goto undo;
	}
	/* Of all pages but the first, freeing a block looks at these. */
	for (i = 0; i < nr; i++)
		first[i].mapping = NULL;
	return true;
undo:
	while (--i)
		page_ref_unfreeze(first + i, 1);
	return false;
}

/* A block that left @blocks becomes a chunk, or single pages if it must. */
static void block_unsettle(struct page *first, struct list_head *chunks)
{
	unsigned int order = chunk_order(first);
	unsigned long i, nr = 1UL << order;

	/* Who holds a page's lock is in a callback, about to be refused. */
	for (i = 0; i < nr; i++) {
		compat_lock_page(first + i);
		page_unmark(first + i);
		unlock_page(first + i);
	}
	if (block_join(first, nr)) {
		list_add_tail(&first->lru, chunks);
		return;
	}
	for (i = 0; i < nr; i++) {
		chunk_set_order(first + i, 0);
		list_add_tail(&first[i].lru, chunks);
	}
}

/* The youngest block of a list that has at most @max pages, off the list. */
static struct page *blocks_pick(struct balloon_pages *bp,
				struct list_head *list, unsigned long max)
{
	struct page *first;

	lockdep_assert_held(&bp->lock);
	if (list_empty(list))
		return NULL;
	first = list_last_entry(list, struct page, lru);
	if (chunk_pages(first) > max)
		return NULL;
	list_del_init(&first->lru);
	blocks_count(bp, first, false);
	/* From here on its pages are refused to migration. */
	page_set_state(first, BALLOON_PAGE_ALIEN);
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
	struct page *young, *first = NULL;
	unsigned long nr;

	spin_lock(&bp->lock);
	young = blocks_pick(bp, &bp->young, max);
	if (!young)
		first = blocks_pick(bp, &bp->blocks, max);
	spin_unlock(&bp->lock);

	if (young) {
		list_add_tail(&young->lru, chunks);
		return chunk_pages(young);
	}
	if (!first)
		return 0;
	nr = chunk_pages(first);
	block_unsettle(first, chunks);
	return nr;
}
