// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks in the balloon: chunks of more than one page that are accounted and
 * given back as one.  A block comes in unpublished: nothing is done to its pages, so
 * that inflating costs one step a block.  A work item publishes it once inflating
 * pauses: each page becomes findable for migration (blocks.c, blocks_core.c).
 * When such a block is given back, its pages become one chunk again, so that it
 * returns to the page allocator in one piece.
 *
 * Locks: balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/sched.h>

#include "pages.h"

/* An unpublished block publishes when nothing came for so long, ... */
#define BLOCKS_PUBLISH_IDLE	(HZ / 20)
/* ... or when it has waited for so long all the same. */
#define BLOCKS_PUBLISH_LATEST	HZ

/**
 * blocks_count() - a block enters or leaves @unpublished or @blocks
 * @bp: the balloon, locked
 * @first: its first page
 * @in: which
 */
void blocks_count(struct balloon_pages *bp, struct page *first, bool in)
{
	unsigned long nr = in ? chunk_pages(first) : -chunk_pages(first);

	lockdep_assert_held(&bp->lock);
	bp->whole += nr;
	if (chunk_order(first) < bp->host_order)
		bp->fragmented += nr;
}

/**
 * blocks_add_unpublished() - a block enters the balloon
 * @bp: the balloon, locked
 * @first: its first page, linked nowhere
 */
void blocks_add_unpublished(struct balloon_pages *bp, struct page *first)
{
	lockdep_assert_held(&bp->lock);
	if (list_empty(&bp->unpublished))
		bp->publish_by = jiffies + BLOCKS_PUBLISH_LATEST;
	list_add_tail(&first->lru, &bp->unpublished);
	blocks_count(bp, first, true);
}

/**
 * blocks_publish_soon() - have unpublished blocks published once inflating pauses
 * @bp: the balloon
 *
 * Context: any that may take the lock.
 */
void blocks_publish_soon(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	if (!bp->closed && !list_empty(&bp->unpublished)) {
		if (time_before(jiffies, bp->publish_by))
			mod_delayed_work(compat_unbound_wq, &bp->publish_work,
					 BLOCKS_PUBLISH_IDLE);
		else
			queue_delayed_work(compat_unbound_wq, &bp->publish_work, 0);
	}
	spin_unlock(&bp->lock);
}

/**
 * blocks_next_unpublished() - take the oldest unpublished block, to publish it
 * @bp: the balloon
 *
 * Context: any that may take the lock.
 * Return: its first page, off the lists and counted in @publishing; or NULL.
 */
struct page *blocks_next_unpublished(struct balloon_pages *bp)
{
	struct page *first;

	spin_lock(&bp->lock);
	first = list_first_entry_or_null(&bp->unpublished, struct page, lru);
	if (first) {
		list_del_init(&first->lru);
		blocks_count(bp, first, false);
		bp->publishing += chunk_pages(first);
	}
	spin_unlock(&bp->lock);
	return first;
}

void blocks_publish_work(struct work_struct *work)
{
	blocks_publish_all(container_of(work, struct balloon_pages,
					publish_work.work));
}

/**
 * blocks_publish_all() - mark the pages of all unpublished blocks
 * @bp: the balloon
 *
 * Context: may sleep.
 */
void blocks_publish_all(struct balloon_pages *bp)
{
	struct page *first;

	while ((first = blocks_next_unpublished(bp))) {
		blocks_publish(bp, first);
		cond_resched();
	}
}

/**
 * blocks_take_unpublished() - take the youngest unpublished block out of the balloon
 * @bp: the balloon
 * @max: pages it may have at most
 * @chunks: it is added here
 *
 * Context: any that may take the lock.  Return: pages taken.
 */
unsigned long blocks_take_unpublished(struct balloon_pages *bp, unsigned long max,
				      struct list_head *chunks)
{
	struct page *first;
	unsigned long nr = 0;

	spin_lock(&bp->lock);
	if (!list_empty(&bp->unpublished)) {
		first = list_last_entry(&bp->unpublished, struct page, lru);
		nr = chunk_pages(first);
		if (nr > max) {
			nr = 0;
		} else {
			list_move_tail(&first->lru, chunks);
			blocks_count(bp, first, false);
		}
	}
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * block_join() - the reverse of split_page(): one reference, on the first page
 * @first: of pages that follow each other, with a reference each, the
 *	caller's; migration is refused them
 * @nr: how many; a power of two, @first aligned to it
 *
 * Context: any.
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
	/* Freeing a block looks for traces in all its pages but the first. */
	for (i = 1; i < nr; i++)
		mobility_forget(first + i);
	return true;
undo:
	while (--i)
		page_ref_unfreeze(first + i, 1);
	return false;
}

/**
 * block_link() - pages that follow each other leave as one chunk
 * @first: as for block_join()
 * @order: how many, as a power of two
 * @chunks: they are added here; in single pages, in order, if they cannot be
 *	joined
 *
 * Context: any.
 */
void block_link(struct page *first, unsigned int order, struct list_head *chunks)
{
	unsigned long i, nr = 1UL << order;

	if (block_join(first, nr)) {
		chunk_set_order(first, order);
		list_add_tail(&first->lru, chunks);
		return;
	}
	for (i = 0; i < nr; i++) {
		chunk_set_order(first + i, 0);
		list_add_tail(&first[i].lru, chunks);
	}
}
