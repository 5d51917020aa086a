// SPDX-License-Identifier: GPL-2.0-only
/*
 * What migration does with the balloon's pages where the kernel's balloon core
 * isolates them and puts them back (see mobility_core.c): the same promises as
 * pages_move.c, as far as they are left to us.
 *
 * Locks: page lock -> balloon_pages.lock -> the core's.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "pages.h"

/**
 * pages_begin_move() - a migrate callback begins
 * @bp: the balloon
 *
 * The core calls us for pages that it isolated whenever it likes, also when the
 * queues are gone.  On success the callback must call pages_moved() at its end.
 *
 * Context: migration callback; does not sleep.
 * Return: false when the balloon is closed: the page is to be put back.
 */
bool pages_begin_move(struct balloon_pages *bp)
{
	bool ok;

	spin_lock(&bp->lock);
	ok = !bp->closed;
	bp->moving += ok;
	spin_unlock(&bp->lock);
	return ok;
}

/**
 * pages_replace() - put a page in the place of an isolated one
 * @bp: the balloon
 * @page: locked, isolated; on success the caller's, with a reference
 * @newpage: locked; on success the balloon's, PENDING, with a reference more
 *
 * On success the callback must call pages_moved() when it is done.
 *
 * Context: migration callback; does not sleep.
 * Return: false when the balloon is closing: the page is to be put back.
 */
bool pages_replace(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	struct mobility_bag *bag = mobility_bag_of(page);

	spin_lock(&bp->lock);
	if (bp->closed) {
		spin_unlock(&bp->lock);
		return false;
	}
	get_page(newpage);
	mobility_let_go(page);
	bag->left--;
	if (bag == &bp->mobility.singles)
		bp->listed--;
	else
		blocks_lost_page(bp, bag);
	bp->pending++;
	bp->moving++;
	spin_unlock(&bp->lock);
	count_vm_event(BALLOON_MIGRATE);
	return true;
}

/* PENDING no more: @page is one of the balloon's. */
static void pages_end_move(struct balloon_pages *bp, struct page *page)
{
	LIST_HEAD(pages);

	list_add(&page->lru, &pages);
	spin_lock(&bp->lock);
	bp->pending--;
	pages_list(bp, &pages, 1);
	spin_unlock(&bp->lock);
}

/**
 * pages_acked() - the host knows of a page of pages_replace()
 * @bp: the balloon
 * @page: PENDING
 *
 * Context: process; does not sleep.
 */
void pages_acked(struct balloon_pages *bp, struct page *page)
{
	pages_end_move(bp, page);
}

/**
 * pages_refused() - undo pages_replace(): the host refused the move
 * @bp: the balloon
 * @page: the old page; the balloon's again
 * @newpage: PENDING; freed
 *
 * Context: process; does not sleep.
 * Return: false while somebody else is not done with the pages.  Try again
 * later.
 */
bool pages_refused(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	if (page_count(page) != 1 || page_count(newpage) != 1)
		return false;
	pages_end_move(bp, page);
	put_page(newpage);
	return true;
}

/**
 * pages_last_isolated() - whether migration holds no page of this bag but this
 * @bp: the balloon
 * @page: locked, isolated
 *
 * Asked by a migrate callback: whether more callbacks are to come soon.  The
 * core counts by bag, and there are too many bags to ask each: who moves pages
 * of several blocks is told so once a block.
 */
bool pages_last_isolated(struct balloon_pages *bp, struct page *page)
{
	return mobility_bag_isolated(mobility_bag_of(page)) <= 1;
}
