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

static enum balloon_page_state page_state(struct page *page)
{
	return page_private(page);
}

static void page_set_state(struct page *page, enum balloon_page_state state)
{
	set_page_private(page, state);
}

/*
 * Makes a page the balloon's in the kernel's eyes; page locked.  The offline
 * mark tells dump tools that its content is not there to be read.
 */
static void page_mark(struct balloon_pages *bp, struct page *page)
{
	__SetPageOffline(page);
	mobility_mark(&bp->mobility, page);
}

static void page_unmark(struct page *page)
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
	init_waitqueue_head(&bp->returned);
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

static unsigned long pages_isolated(struct balloon_pages *bp)
{
	return READ_ONCE(bp->isolated);
}

/**
 * pages_close() - no isolation any more; wait for isolated pages to come back
 * @bp: open
 *
 * Who isolated a page gives it back or migrates it without our help, so the
 * wait ends; if that takes long it says so.  On return no callback runs or
 * will run that may sleep or look beyond @bp.
 *
 * Context: may sleep.
 */
void pages_close(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = true;
	spin_unlock(&bp->lock);

	while (!wait_event_timeout(bp->returned, !pages_isolated(bp), 10 * HZ))
		pr_warn("waiting for %lu pages that memory compaction holds\n",
			pages_isolated(bp));
}

/**
 * pages_add() - take pages into the balloon
 * @bp: the balloon
 * @pages: linked by page->lru, order 0, one reference each, known to nobody
 *	else, acknowledged by the host (I1); empty on return
 *
 * Context: process; does not sleep.
 */
void pages_add(struct balloon_pages *bp, struct list_head *pages)
{
	struct page *page;
	unsigned long nr = 0;

	list_for_each_entry(page, pages, lru) {
		page_set_state(page, BALLOON_PAGE_ALIEN);
		/*
		 * Nobody locks a page that is neither mapped nor movable, bar
		 * a memory error handler; one such page cannot move, no more.
		 */
		if (likely(trylock_page(page))) {
			page_mark(bp, page);
			unlock_page(page);
		} else {
			__SetPageOffline(page);
		}
	}

	spin_lock(&bp->lock);
	list_for_each_entry(page, pages, lru) {
		page_set_state(page, BALLOON_PAGE_LISTED);
		nr++;
	}
	list_splice_tail_init(pages, &bp->list);
	bp->listed += nr;
	spin_unlock(&bp->lock);
	count_vm_events(BALLOON_INFLATE, nr);
}

/* Takes up to @max pages in one hold of the lock; youngest first. */
static unsigned long pages_take_some(struct balloon_pages *bp,
				     unsigned long max, struct list_head *taken)
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
		list_move_tail(&page->lru, taken);
		page_unmark(page);
		unlock_page(page);
		nr++;
	}
	bp->listed -= nr;
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * pages_take() - take pages out of the balloon
 * @bp: the balloon
 * @max: how many at most
 * @taken: they are added here, by page->lru, with the balloon's reference
 *
 * Context: may sleep.  Return: how many; fewer than @max, even none, when the
 * rest is isolated or locked just now.
 */
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 struct list_head *taken)
{
	unsigned long nr = 0, got;

	do {
		got = pages_take_some(bp, min(max - nr, PAGES_PER_HOLD + 0UL),
				      taken);
		nr += got;
		cond_resched();
	} while (got && nr < max);
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
	lock_page(page);
	unlock_page(page);
	put_page(page);
	return true;
}

/**
 * pages_size() - size of the balloon in guest pages
 * @bp: the balloon
 *
 * Counts what is on its way in by migration (it replaces what left), not what
 * an inflate or deflate has in flight.
 */
unsigned long pages_size(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->isolated + bp->arriving;
	spin_unlock(&bp->lock);
	return nr;
}

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
	ok = !bp->closed && page_state(page) == BALLOON_PAGE_LISTED;
	if (ok) {
		list_del_init(&page->lru);
		page_set_state(page, BALLOON_PAGE_ISOLATED);
		bp->listed--;
		bp->isolated++;
	}
	spin_unlock(&bp->lock);
	return ok;
}

static void pages_put_isolated(struct balloon_pages *bp)
{
	lockdep_assert_held(&bp->lock);
	bp->isolated--;
	if (bp->closed && !bp->isolated)
		wake_up_all(&bp->returned);
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
	pages_put_isolated(bp);
	spin_unlock(&bp->lock);
}

/**
 * pages_replace() - put a page in the place of an isolated one
 * @bp: the balloon
 * @page: locked, isolated; on success the caller's, with the balloon's
 *	reference, but still linked by the core through page->lru
 * @newpage: locked; on success the balloon's, ARRIVING, with a reference more
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
	page_mark(bp, newpage);
	page_set_state(newpage, BALLOON_PAGE_ARRIVING);
	bp->arriving++;
	page_unmark(page);
	pages_put_isolated(bp);
	spin_unlock(&bp->lock);
	count_vm_event(BALLOON_MIGRATE);
	return true;
}

/**
 * pages_arrived() - the host knows of a page of pages_replace()
 * @bp: the balloon
 * @page: ARRIVING
 *
 * Context: process; does not sleep.
 */
void pages_arrived(struct balloon_pages *bp, struct page *page)
{
	spin_lock(&bp->lock);
	list_add(&page->lru, &bp->list);
	page_set_state(page, BALLOON_PAGE_LISTED);
	bp->arriving--;
	bp->listed++;
	spin_unlock(&bp->lock);
}

/**
 * pages_last_isolated() - whether one page at most is in migration's hands
 * @bp: the balloon
 *
 * Asked by a migrate callback: whether more callbacks are to come soon.
 */
bool pages_last_isolated(struct balloon_pages *bp)
{
	return pages_isolated(bp) <= 1;
}
