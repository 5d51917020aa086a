// SPDX-License-Identifier: GPL-2.0-only
/*
 * Published blocks where the kernel's balloon core keeps the pages (see
 * mobility_core.c): each in a bag of its own, so that it can be told whether
 * all of a block is still there.  What migration takes out of a bag comes back
 * as a single page; a bag is freed when the core has done with its last page.
 *
 * A bag that is whole when it is taken becomes one chunk again (block_join()).
 *
 * Locks: balloon_pages.lock -> the core's.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "pages.h"

/* Bags looked at for one with pages that are not isolated. */
#define BLOCKS_TRIES	16

/**
 * blocks_publish() - let the kernel isolate each page of a block
 * @bp: the balloon
 * @first: from blocks_next_unpublished()
 *
 * Without memory for a bag its pages become single ones.
 *
 * Context: does not sleep.
 */
void blocks_publish(struct balloon_pages *bp, struct page *first)
{
	struct mobility_bag *bag = kmalloc(sizeof(*bag), GFP_NOWAIT | __GFP_NOWARN);
	unsigned int order = chunk_order(first);
	unsigned long i, nr = 1UL << order;
	LIST_HEAD(pages);

	split_page(first, order);
	for (i = 0; i < nr; i++)
		list_add_tail(&first[i].lru, &pages);

	/* Counted first: the kernel may take pages out at once. */
	spin_lock(&bp->lock);
	bp->publishing -= nr;
	if (bag) {
		mobility_bag_init(bag, bp);
		bag->first = first;
		bag->pages = nr;
		bag->left = nr;
		bp->whole += nr;
		list_add_tail(&bag->node, &bp->blocks);
		mobility_bag_fill(bag, &pages);
	} else {
		pages_list(bp, &pages, nr);
	}
	spin_unlock(&bp->lock);
}

/**
 * blocks_lost_page() - a page of a block left by migration
 * @bp: the balloon, locked
 * @bag: where it was; @left does not count it any more
 */
void blocks_lost_page(struct balloon_pages *bp, struct mobility_bag *bag)
{
	lockdep_assert_held(&bp->lock);
	bp->whole--;
	if (!bag->left)
		list_move(&bag->node, &bp->mobility.spent);
}

/**
 * blocks_forget_spent() - free bags that neither we nor the core need
 * @bp: the balloon
 *
 * Context: any that may take the lock.  Return: whether none is left.
 */
bool blocks_forget_spent(struct balloon_pages *bp)
{
	struct mobility_bag *bag, *next;
	bool none;

	spin_lock(&bp->lock);
	list_for_each_entry_safe(bag, next, &bp->mobility.spent, node) {
		if (!mobility_bag_is_idle(bag))
			continue;
		list_del(&bag->node);
		kfree(bag);
	}
	none = list_empty(&bp->mobility.spent);
	spin_unlock(&bp->lock);
	return none;
}

/* Takes the pages out of a bag that are not isolated.  Return: how many. */
static unsigned long bag_empty(struct balloon_pages *bp, struct mobility_bag *bag,
			       struct list_head *pages)
{
	unsigned long nr = mobility_bag_empty(bag, pages, bag->left);

	lockdep_assert_held(&bp->lock);
	bag->left -= nr;
	bp->whole -= nr;
	/* Pages that are left are isolated: to the front, taken from last. */
	list_move(&bag->node, bag->left ? &bp->blocks : &bp->mobility.spent);
	return nr;
}

/* The youngest bag that has at most @max pages, or NULL; the lock held. */
static struct mobility_bag *bag_youngest(struct balloon_pages *bp, unsigned long max)
{
	struct mobility_bag *bag;

	lockdep_assert_held(&bp->lock);
	if (list_empty(&bp->blocks))
		return NULL;
	bag = list_last_entry(&bp->blocks, struct mobility_bag, node);
	return bag->left > max ? NULL : bag;
}

/*
 * Takes the youngest whole block of at most @max pages.  Those on the way that
 * migration has opened become single pages: what is left of one is no chunk.
 * Return: how many pages; *@first: the first.  0 if there is no such block.
 */
static unsigned long blocks_pick(struct balloon_pages *bp, unsigned long max,
				 struct page **first)
{
	struct mobility_bag *bag;
	unsigned long nr = 0;
	unsigned int tries;
	LIST_HEAD(pages);

	spin_lock(&bp->lock);
	for (tries = 0; !nr && tries < BLOCKS_TRIES; tries++) {
		bag = bag_youngest(bp, max);
		if (!bag)
			break;
		*first = bag->first;
		nr = bag_empty(bp, bag, &pages);
		if (nr == bag->pages)
			break;
		pages_list(bp, &pages, nr);
		nr = 0;
	}
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * blocks_break_one() - turn the youngest block into single pages
 * @bp: the balloon
 *
 * Context: process; does not sleep.  Return: whether there was one.
 */
bool blocks_break_one(struct balloon_pages *bp)
{
	struct page *first = blocks_next_unpublished(bp);
	struct mobility_bag *bag;
	unsigned long nr = 0;
	unsigned int tries;
	LIST_HEAD(pages);

	if (first)
		blocks_publish(bp, first);
	spin_lock(&bp->lock);
	for (tries = 0; !nr && tries < BLOCKS_TRIES; tries++) {
		bag = bag_youngest(bp, ULONG_MAX);
		if (!bag)
			break;
		nr = bag_empty(bp, bag, &pages);
		pages_list(bp, &pages, nr);
	}
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * blocks_take() - take one whole block out of the balloon
 * @bp: the balloon
 * @max: pages it may have at most
 * @chunks: it is added here; in single pages if it could not be joined
 *
 * Context: does not sleep.  Return: pages taken.
 */
unsigned long blocks_take(struct balloon_pages *bp, unsigned long max,
			  struct list_head *chunks)
{
	unsigned long nr = blocks_take_unpublished(bp, max, chunks);
	struct page *first;

	if (nr)
		return nr;
	nr = blocks_pick(bp, max, &first);
	blocks_forget_spent(bp);
	if (nr)
		block_link(first, ilog2(nr), chunks);
	return nr;
}
