// SPDX-License-Identifier: GPL-2.0-only
/*
 * What migration does with single pages of the balloon: isolate, put back,
 * replace by another, and what follows when the host has answered.
 *
 * Locks: page lock -> balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#include "pages.h"

/**
 * pages_isolate() - hand a page to migration
 * @bp: the balloon @page is marked for
 * @page: locked
 *
 * Context: migration callback; does not sleep.
 * Return: false if the page is not to be had (any more).
 */
bool pages_isolate(struct balloon_pages *bp, struct page *page)
{
	bool ok;

	spin_lock(&bp->lock);
	ok = pages_reach(bp, page);
	if (ok) {
		list_del_init(&page->lru);
		page_set_state(page, BALLOON_PAGE_ISOLATED);
		bp->listed--;
		bp->isolated++;
	}
	spin_unlock(&bp->lock);
	return ok;
}

/**
 * pages_putback() - migration gives a page back unmoved
 * @bp: the balloon
 * @page: locked, isolated
 *
 * Context: migration callback; does not sleep.
 */
void pages_putback(struct balloon_pages *bp, struct page *page)
{
	spin_lock(&bp->lock);
	/* Oldest: the next pages_take() may find it still locked. */
	list_add(&page->lru, &bp->list);
	page_set_state(page, BALLOON_PAGE_LISTED);
	bp->listed++;
	bp->isolated--;
	pages_tell_closer(bp);
	spin_unlock(&bp->lock);
}

/**
 * pages_replace() - put a page in the place of an isolated one
 * @bp: the balloon
 * @page: locked, isolated; on success the caller's, with the balloon's
 *	reference, but still linked by the core through page->lru
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
	spin_lock(&bp->lock);
	if (bp->closed) {
		spin_unlock(&bp->lock);
		return false;
	}
	get_page(newpage);
	page_mark_locked(bp, newpage);
	page_set_state(newpage, BALLOON_PAGE_PENDING);
	bp->pending++;
	bp->isolated--;
	bp->moving++;
	page_unmark(page);
	spin_unlock(&bp->lock);
	count_vm_event(BALLOON_MIGRATE);
	return true;
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
	spin_lock(&bp->lock);
	list_add(&page->lru, &bp->list);
	page_set_state(page, BALLOON_PAGE_LISTED);
	bp->pending--;
	bp->listed++;
	spin_unlock(&bp->lock);
}

/**
 * pages_refused() - undo pages_replace(): the host refused the move
 * @bp: the balloon
 * @page: the old page; the balloon's again
 * @newpage: PENDING; freed
 *
 * Context: process; does not sleep.
 * Return: false while the migration core is not done with both pages: it
 * unlinks @page, then drops its reference.  Try again later.
 */
bool pages_refused(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	if (page_count(page) != 1 || !trylock_page(page))
		return false;
	if (!trylock_page(newpage)) {
		unlock_page(page);
		return false;
	}
	page_unmark(newpage);
	unlock_page(newpage);
	page_mark_locked(bp, page);
	unlock_page(page);

	spin_lock(&bp->lock);
	page_set_state(page, BALLOON_PAGE_LISTED);
	list_add(&page->lru, &bp->list);
	bp->listed++;
	bp->pending--;
	spin_unlock(&bp->lock);
	put_page(newpage);
	return true;
}

/**
 * pages_last_isolated() - whether migration holds no page of ours but this
 * @bp: the balloon
 * @page: isolated
 *
 * Asked by a migrate callback: whether more callbacks are to come soon.
 */
bool pages_last_isolated(struct balloon_pages *bp, struct page *page)
{
	return READ_ONCE(bp->isolated) <= 1;
}
