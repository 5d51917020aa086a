// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon's pages where the kernel's balloon core keeps them (see
 * mobility_core.c): the same promises as pages.c.  Pages that migration has
 * isolated are still counted among @listed or @whole, for the core does not say
 * when it takes them; @isolated stays 0.
 *
 * Locks: page lock -> balloon_pages.lock -> the core's.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "pages.h"

/**
 * pages_list() - single pages become the core's
 * @bp: the balloon, locked
 * @pages: linked by lru; empty on return
 * @nr: how many
 *
 * Counted first: it may take them out at once.
 */
void pages_list(struct balloon_pages *bp, struct list_head *pages,
		unsigned long nr)
{
	lockdep_assert_held(&bp->lock);
	bp->listed += nr;
	bp->mobility.singles.left += nr;
	mobility_bag_fill(&bp->mobility.singles, pages);
}

/**
 * pages_enter() - take chunks into the balloon
 * @bp: the balloon
 * @chunks: as for pages_add()
 * @exchanged: they come in place of others that left for an exchange
 *
 * Return: pages in them.
 */
unsigned long pages_enter(struct balloon_pages *bp, struct list_head *chunks,
			  bool exchanged)
{
	struct page *page, *next;
	unsigned long nr = 0, singles = 0;
	LIST_HEAD(pages);

	spin_lock(&bp->lock);
	list_for_each_entry_safe(page, next, chunks, lru) {
		nr += chunk_pages(page);
		list_del(&page->lru);
		if (chunk_order(page)) {
			blocks_add_unpublished(bp, page);
			continue;
		}
		list_add_tail(&page->lru, &pages);
		/* The core keeps interrupts away while it takes them. */
		if (++singles == PAGES_PER_HOLD) {
			pages_list(bp, &pages, singles);
			singles = 0;
		}
	}
	pages_list(bp, &pages, singles);
	if (exchanged)
		bp->exchanging -= nr;
	spin_unlock(&bp->lock);
	blocks_publish_soon(bp);
	return nr;
}

/**
 * pages_take_singles() - take single pages, youngest first
 * @bp: the balloon
 * @max: how many at most
 * @chunks: they are added here, with the balloon's reference
 *
 * Context: does not sleep.  Return: how many; what one hold of the lock allows.
 */
unsigned long pages_take_singles(struct balloon_pages *bp, unsigned long max,
				 struct list_head *chunks)
{
	struct page *page;
	unsigned long nr;
	LIST_HEAD(pages);

	spin_lock(&bp->lock);
	nr = mobility_bag_empty(&bp->mobility.singles, &pages,
				min_t(unsigned long, max, PAGES_PER_HOLD));
	bp->listed -= nr;
	bp->mobility.singles.left -= nr;
	spin_unlock(&bp->lock);

	list_for_each_entry(page, &pages, lru)
		chunk_set_order(page, 0);
	list_splice_tail(&pages, chunks);
	return nr;
}

/**
 * pages_can_choose() - whether pages can be taken by where they lie
 *
 * Return: false: the core hands its pages out in its own order.
 */
bool pages_can_choose(void)
{
	return false;
}

unsigned long pages_take_at(struct balloon_pages *bp, struct page *first,
			    unsigned long nr, unsigned long max,
			    struct list_head *chunks)
{
	return 0;
}

/**
 * pages_await_lock() - sleep until the core may have let go of something
 * @bp: the balloon, closed
 *
 * Context: may sleep.
 * Return: whether there is a page, or the core is not done with one that left.
 */
bool pages_await_lock(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->whole;
	spin_unlock(&bp->lock);
	if (!nr && blocks_forget_spent(bp) &&
	    mobility_bag_is_idle(&bp->mobility.singles))
		return false;
	schedule_timeout_uninterruptible(1);
	return true;
}
