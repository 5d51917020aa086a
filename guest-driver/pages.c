// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single pages into and out of the balloon, where the kernel lets us keep them.
 * The only user of page->private, page->lru (while not isolated) and the
 * offline mark of ballooned pages.
 *
 * Locks: page lock -> balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#include "pages.h"

enum balloon_page_state page_state(struct page *page)
{
	return page_private(page) & BALLOON_PAGE_STATE_MASK;
}

void page_set_state(struct page *page, enum balloon_page_state state)
{
	set_page_private(page, state);
}

/*
 * The offline mark tells dump tools that a page's content is not there to be
 * read.  Page locked.
 */
void page_mark_locked(struct balloon_pages *bp, struct page *page)
{
	__SetPageOffline(page);
	mobility_mark(&bp->mobility, page);
}

/*
 * Makes a page of order 0, with one reference, the balloon's in the kernel's
 * eyes.  Its lock may be held by a memory error handler or, where it was movable
 * before, by compaction, which finds that out under the lock.
 * Return: false if it is held.
 */
static bool page_mark(struct balloon_pages *bp, struct page *page)
{
	if (!trylock_page(page))
		return false;
	page_mark_locked(bp, page);
	unlock_page(page);
	return true;
}

/**
 * page_unmark() - undo page_mark_locked()
 * @page: locked
 */
void page_unmark(struct page *page)
{
	page_set_state(page, BALLOON_PAGE_NONE);
	mobility_unmark(page);
	__ClearPageOffline(page);
}

/**
 * pages_reach() - whether one page is to be had by itself
 * @bp: the balloon, locked
 * @page: locked, marked as its
 *
 * Return: true if it is on the list, for which its block was broken up if it
 * was part of one.
 */
bool pages_reach(struct balloon_pages *bp, struct page *page)
{
	lockdep_assert_held(&bp->lock);
	if (bp->closed)
		return false;
	if (page_state(page) == BALLOON_PAGE_BLOCK && !blocks_break(bp, page))
		return false;
	return page_state(page) == BALLOON_PAGE_LISTED;
}

/**
 * pages_enter() - take chunks into the balloon
 * @bp: the balloon
 * @chunks: as for pages_add()
 * @exchanged: they come in place of pages that pages_take_at() took
 *
 * Return: pages in them.
 */
unsigned long pages_enter(struct balloon_pages *bp, struct list_head *chunks,
			  bool exchanged)
{
	struct page *page, *next;
	unsigned long nr = 0;
	LIST_HEAD(locked);

	list_for_each_entry_safe(page, next, chunks, lru) {
		page_set_state(page, BALLOON_PAGE_NONE);
		if (!chunk_order(page) && !page_mark(bp, page))
			list_move_tail(&page->lru, &locked);
	}

	spin_lock(&bp->lock);
	/* They are marked by who may sleep for the lock. */
	list_for_each_entry_safe(page, next, &locked, lru) {
		list_del(&page->lru);
		nr++;
		blocks_add_unpublished(bp, page);
	}
	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		nr += chunk_pages(page);
		if (chunk_order(page)) {
			blocks_add_unpublished(bp, page);
			continue;
		}
		page_set_state(page, BALLOON_PAGE_LISTED);
		list_add_tail(&page->lru, &bp->list);
		bp->listed++;
	}
	/* Under the same lock: nobody sees the balloon larger than it is. */
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
	struct page *page, *next;
	unsigned long nr = 0, tries = 0;

	spin_lock(&bp->lock);
	list_for_each_entry_safe_reverse(page, next, &bp->list, lru) {
		if (nr == max || ++tries > PAGES_PER_HOLD)
			break;
		/* Locked by migration, which is about to isolate it. */
		if (!trylock_page(page))
			continue;
		list_move_tail(&page->lru, chunks);
		chunk_set_order(page, 0);
		page_unmark(page);
		unlock_page(page);
		nr++;
	}
	bp->listed -= nr;
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * pages_await_lock() - sleep until a page that pages_take() had to skip is free
 * @bp: the balloon, closed
 *
 * Context: may sleep, as long as somebody holds that page's lock.
 * Return: whether there is a page.
 */
bool pages_await_lock(struct balloon_pages *bp)
{
	struct page *page;

	spin_lock(&bp->lock);
	page = list_first_entry_or_null(&bp->list, struct page, lru);
	if (page)
		get_page(page);
	spin_unlock(&bp->lock);
	if (!page)
		return false;
	compat_lock_page(page);
	unlock_page(page);
	put_page(page);
	return true;
}
