// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that leave the balloon by where they lie, which only who keeps them
 * himself can choose.
 *
 * Locks: page lock (trylock only) -> balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#include "pages.h"

/**
 * pages_can_choose() - whether pages can be taken by where they lie
 */
bool pages_can_choose(void)
{
	return true;
}

/* @page: locked, marked as the balloon's. */
static bool pages_unlist(struct balloon_pages *bp, struct page *page,
			 struct list_head *chunks)
{
	bool ok;

	spin_lock(&bp->lock);
	ok = pages_reach(bp, page);
	if (ok) {
		list_move_tail(&page->lru, chunks);
		chunk_set_order(page, 0);
		page_unmark(page);
		bp->listed--;
		bp->exchanging++;
	}
	spin_unlock(&bp->lock);
	return ok;
}

static bool pages_take_this(struct balloon_pages *bp, struct page *page,
			    struct list_head *chunks)
{
	bool taken = false;

	if (!mobility_owns(&bp->mobility, page) || !get_page_unless_zero(page))
		return false;
	/*
	 * Asked again before the lock is touched: the page may have been freed
	 * and be somebody else's since, who sets its lock bit without regard to
	 * us.  With our reference it can leave the balloon, but has no new owner.
	 */
	if (mobility_owns(&bp->mobility, page) && trylock_page(page)) {
		if (mobility_owns(&bp->mobility, page))
			taken = pages_unlist(bp, page, chunks);
		unlock_page(page);
	}
	put_page(page);
	return taken;
}

/**
 * pages_take_at() - take the balloon's pages of a piece of memory
 * @bp: the balloon
 * @first: of consecutive pages that are online, whoever owns them
 * @nr: how many
 * @max: to take at most
 * @chunks: they are added here in order, with the balloon's reference
 *
 * Context: process; does not sleep.
 * Return: how many; without those that migration holds just now.
 */
unsigned long pages_take_at(struct balloon_pages *bp, struct page *first,
			    unsigned long nr, unsigned long max,
			    struct list_head *chunks)
{
	unsigned long i, taken = 0;

	for (i = 0; i < nr && taken < max; i++)
		taken += pages_take_this(bp, first + i, chunks);
	count_vm_events(BALLOON_DEFLATE, taken);
	return taken;
}
