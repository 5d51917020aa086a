// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages into, out of and within the balloon.  The only user of page->private,
 * page->lru (while not isolated) and the offline mark of ballooned pages.
 *
 * Locks: page lock -> balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "pages.h"

/* Pages handled in one hold of the lock: keeps isolate callbacks from spinning. */
#define PAGES_PER_HOLD	256

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

/**
 * page_mark() - make a page the balloon's in the kernel's eyes
 * @bp: the balloon
 * @page: of order 0, with one reference, known to nobody else
 *
 * Nobody locks a page that is neither mapped nor movable, bar a memory error
 * handler; one such page cannot be moved, no more.
 *
 * Return: whether the page is movable now.
 */
bool page_mark(struct balloon_pages *bp, struct page *page)
{
	if (unlikely(!trylock_page(page))) {
		__SetPageOffline(page);
		return false;
	}
	page_mark_locked(bp, page);
	unlock_page(page);
	return true;
}

/**
 * page_unmark() - undo page_mark()
 * @page: locked
 */
void page_unmark(struct page *page)
{
	page_set_state(page, BALLOON_PAGE_ALIEN);
	mobility_unmark(page);
	__ClearPageOffline(page);
}

/**
 * pages_init() - an empty balloon
 * @bp: zeroed
 */
void pages_init(struct balloon_pages *bp)
{
	mobility_init(&bp->mobility);
	spin_lock_init(&bp->lock);
	INIT_LIST_HEAD(&bp->list);
	INIT_LIST_HEAD(&bp->young);
	INIT_LIST_HEAD(&bp->blocks);
	init_waitqueue_head(&bp->returned);
	INIT_DELAYED_WORK(&bp->settle_work, blocks_settle_work);
}

/**
 * pages_open() - let pages be isolated (again)
 * @bp: initialised
 */
void pages_open(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = false;
	spin_unlock(&bp->lock);
}

unsigned long pages_in_callbacks(struct balloon_pages *bp)
{
	return READ_ONCE(bp->isolated) + READ_ONCE(bp->moving);
}

/**
 * pages_close() - no isolation any more; wait for isolated pages to come back
 * @bp: open
 *
 * Who isolated a page gives it back or migrates it without our help, so the
 * wait ends; if that takes long it says so.  A callback that is about to
 * return may still be in our text: it holds the lock of a page that must be
 * taken, under that lock, before the balloon is empty.
 *
 * Context: may sleep.
 */
void pages_close(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = true;
	spin_unlock(&bp->lock);
	cancel_delayed_work_sync(&bp->settle_work);

	while (!wait_event_timeout(bp->returned, !pages_in_callbacks(bp), 10 * HZ))
		pr_warn("waiting for %lu pages that memory compaction holds\n",
			pages_in_callbacks(bp));
	/* Who woke us has let go of the lock when we get it. */
	spin_lock(&bp->lock);
	spin_unlock(&bp->lock);
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

	list_for_each_entry(page, chunks, lru) {
		page_set_state(page, BALLOON_PAGE_ALIEN);
		if (!chunk_order(page))
			page_mark(bp, page);
	}

	spin_lock(&bp->lock);
	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		nr += chunk_pages(page);
		if (chunk_order(page)) {
			blocks_add_young(bp, page);
			continue;
		}
		page_set_state(page, BALLOON_PAGE_LISTED);
		list_add_tail(&page->lru, &bp->list);
		bp->listed++;
	}
	/* In the same breath: nobody sees the balloon larger than it is. */
	if (exchanged)
		bp->exchanging -= nr;
	spin_unlock(&bp->lock);
	blocks_settle_soon(bp);
	return nr;
}

/**
 * pages_add() - take chunks into the balloon
 * @bp: the balloon
 * @chunks: one reference each, known to nobody else, acknowledged by the host
 *	(I1); empty on return
 *
 * Context: process; does not sleep.
 */
void pages_add(struct balloon_pages *bp, struct list_head *chunks)
{
	count_vm_events(BALLOON_INFLATE, pages_enter(bp, chunks, false));
}

/* Takes up to @max single pages in one hold of the lock; youngest first. */
static unsigned long pages_take_singles(struct balloon_pages *bp,
					unsigned long max,
					struct list_head *chunks)
{
	struct page *page, *next;
	unsigned long nr = 0, tries = 0;

	spin_lock(&bp->lock);
	list_for_each_entry_safe_reverse(page, next, &bp->list, lru) {
		if (nr == max || ++tries > PAGES_PER_HOLD)
			break;
		/* Locked: about to be isolated.  Leave it be. */
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
 * pages_take() - take chunks out of the balloon
 * @bp: the balloon
 * @max: pages at most
 * @max_chunks: chunks at most, unless a block falls into pages on the way,
 *	which then follow each other
 * @chunks: they are added here, with the balloon's reference
 *
 * Whole blocks first; one is broken up only for want of single pages.
 *
 * Context: may sleep.  Return: how many pages; fewer than @max, even none,
 * when the rest is isolated or locked just now.
 */
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 unsigned long max_chunks, struct list_head *chunks)
{
	unsigned long nr = 0, got;

	while (nr < max && max_chunks) {
		got = blocks_take(bp, max - nr, chunks);
		if (got) {
			max_chunks--;
		} else {
			got = pages_take_singles(bp, min(max - nr, max_chunks),
						 chunks);
			max_chunks -= got;
		}
		if (!got && !blocks_break_one(bp))
			break;
		nr += got;
		cond_resched();
	}
	count_vm_events(BALLOON_DEFLATE, nr);
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

/**
 * pages_size() - size of the balloon in guest pages
 * @bp: the balloon
 *
 * Counts what is on its way in by migration or an exchange (it replaces what
 * left), not what an inflate or deflate has in flight.
 */
unsigned long pages_size(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->whole + bp->settling + bp->isolated + bp->arriving +
	     bp->exchanging;
	spin_unlock(&bp->lock);
	return nr;
}
