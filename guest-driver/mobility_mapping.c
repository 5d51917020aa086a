// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels where each module may own some: an object of our own
 * per device, which page->mapping leads to.  Up to 5.19 that is a struct
 * address_space, which belongs to no inode and holds no page cache: migration
 * looks at nothing but its callbacks.  From 6.0 to 6.16 it is a struct
 * movable_operations (Documentation/mm/page_migration.rst, "Non-LRU page
 * migration").
 *
 * All callbacks come with the page locked.  They must not be reached once the
 * device is gone: pages are unmarked under the page lock, and the device waits
 * for those that are isolated (pages_close()).
 *
 * Locks: page lock -> balloon_pages.lock; below that only trylock_page().
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>

#include "balloon_pages.h"
#include "mobility.h"
#include "migrate.h"

static struct balloon_pages *mobility_pages(struct page *page);

static bool mobility_isolate(struct page *page, isolate_mode_t mode)
{
	return pages_isolate(mobility_pages(page), page);
}

static void mobility_putback(struct page *page)
{
	pages_putback(mobility_pages(page), page);
}

static int mobility_migrate(struct page *newpage, struct page *page,
			    enum migrate_mode mode)
{
	return migrate_callback(mobility_pages(page), newpage, page, mode);
}

#ifdef HAVE_MOBILITY_AOPS
static struct balloon_pages *mobility_pages(struct page *page)
{
	return container_of(page_mapping(page), struct balloon_pages,
			    mobility.mapping);
}

static int mobility_migratepage(struct address_space *mapping,
				struct page *newpage, struct page *page,
				enum migrate_mode mode)
{
	return mobility_migrate(newpage, page, mode);
}

static const struct address_space_operations mobility_aops = {
	.isolate_page = mobility_isolate,
	.migratepage = mobility_migratepage,
	.putback_page = mobility_putback,
};

void mobility_init(struct mobility *mob)
{
	address_space_init_once(&mob->mapping);
	mob->mapping.a_ops = &mobility_aops;
}

static void mobility_set(struct mobility *mob, struct page *page)
{
	__SetPageMovable(page, &mob->mapping);
}
#else
static struct balloon_pages *mobility_pages(struct page *page)
{
	return container_of(page_movable_ops(page), struct balloon_pages,
			    mobility.mops);
}

void mobility_init(struct mobility *mob)
{
	mob->mops.isolate_page = mobility_isolate;
	mob->mops.migrate_page = mobility_migrate;
	mob->mops.putback_page = mobility_putback;
}

static void mobility_set(struct mobility *mob, struct page *page)
{
	__SetPageMovable(page, &mob->mops);
}
#endif

void mobility_block_init(struct balloon_pages *bp, struct balloon_block *b)
{
}

bool mobility_block_is_idle(struct balloon_block *b)
{
	return true;
}

unsigned long mobility_isolated(struct balloon_pages *bp, struct balloon_block *b)
{
	return bp->isolated;
}

/*
 * The offline mark tells dump tools, and hibernation, that a page's content is not
 * there to be read.  Page locked.
 */
static void mobility_mark(struct balloon_pages *bp, struct page *page)
{
	__SetPageOffline(page);
	mobility_set(&bp->mobility, page);
}

static void mobility_unmark(struct page *page)
{
	__ClearPageMovable(page);
	__ClearPageOffline(page);
}

/* A lock may be held by a memory error handler, or by compaction. */
void mobility_publish(struct balloon_pages *bp, struct balloon_block *b,
		      struct list_head *pages)
{
	struct page *page, *next;

	lockdep_assert_held(&bp->lock);
	list_for_each_entry_safe(page, next, pages, lru) {
		if (!trylock_page(page))
			continue;
		list_del(&page->lru);
		mobility_mark(bp, page);
		unlock_page(page);
	}
}

unsigned long mobility_claim(struct balloon_pages *bp, struct balloon_block *b,
			     unsigned long max, unsigned long *claimed)
{
	struct page *first = pages_block_first(bp, b);
	unsigned long i, nr = 0;

	lockdep_assert_held(&bp->lock);
	for_each_set_bit(i, b->in, BALLOON_BLOCK_MAX) {
		if (nr == max)
			break;
		if (!trylock_page(first + i))
			continue;
		mobility_unmark(first + i);
		unlock_page(first + i);
		__set_bit(i, claimed);
		nr++;
	}
	return nr;
}

void mobility_move(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	mobility_mark(bp, newpage);
	mobility_unmark(page);
}

void mobility_settle(struct balloon_block *b, struct page *newpage)
{
}

bool mobility_undo_move(struct page *page, struct page *newpage)
{
	if (page_count(page) != 1 || !trylock_page(newpage))
		return false;
	mobility_unmark(newpage);
	unlock_page(newpage);
	return true;
}

void mobility_forget(struct page *page)
{
	page->mapping = NULL;
}
