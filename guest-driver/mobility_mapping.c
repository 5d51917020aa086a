// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels where each module may own some: an object of our own
 * per device, which page->mapping leads to.  Up to 5.19 that is a struct
 * address_space, which belongs to no inode and holds no page cache: migration
 * looks at nothing but its callbacks.  From 6.0 to 6.16 it is a struct
 * movable_operations (Documentation/mm/page_migration.rst, "Non-LRU page
 * migration").
 *
 * All callbacks come with the page locked, by who has a reference to it.  They must
 * not be reached once the device is gone: pages are unmarked with the page lock held,
 * or while nobody else has a reference, and the device waits for those that are
 * isolated (pages_close()).
 *
 * Locks: page lock -> balloon_pages.lock; below that only trylock_page().
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
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

static void *mobility_object(struct mobility *mob)
{
	return &mob->mapping;
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

static void *mobility_object(struct mobility *mob)
{
	return &mob->mops;
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
	__SetPageMovable(page, mobility_object(&bp->mobility));
}

static void mobility_unmark(struct page *page)
{
	__ClearPageMovable(page);
	__ClearPageOffline(page);
}

/*
 * A lock may be held by a memory error handler, or by compaction, but not of pages
 * without a reference: those need no lock to be marked, and what
 * __SetPageMovable() does with one is done by hand.
 */
bool mobility_publish(struct balloon_pages *bp, struct balloon_block *b,
		      struct page *first)
{
	void *mapping = mobility_object(&bp->mobility) + PAGE_MAPPING_MOVABLE;
	struct page *page, *end = first + chunk_pages(first);

	lockdep_assert_held(&bp->lock);
	if (!trylock_page(first))
		return false;
	for (page = first + 1; page < end; page++) {
		__SetPageOffline(page);
		page->mapping = mapping;
		/* From here on somebody may get a reference, and see the marks. */
		page_ref_unfreeze(page, 1);
	}
	/*
	 * Last: memory whose pages are all offline and without references may be
	 * taken away.
	 */
	mobility_mark(bp, first);
	unlock_page(first);
	return true;
}

/* Return: whether nobody else has a reference, and thus the lock; nor gets one. */
static bool mobility_freeze(struct page *page)
{
	/* Before, for the same reason. */
	__ClearPageOffline(page);
	if (!page_ref_freeze(page, 1)) {
		__SetPageOffline(page);
		return false;
	}
	page->mapping = NULL;
	return true;
}

/* One that somebody has a reference to, maybe for good: a bad page, for one. */
static unsigned long mobility_claim_one(struct balloon_block *b,
					struct page *first,
					unsigned long *claimed)
{
	unsigned long i;

	for_each_set_bit(i, b->in, BALLOON_BLOCK_MAX) {
		if (!trylock_page(first + i))
			continue;
		mobility_unmark(first + i);
		unlock_page(first + i);
		__set_bit(i, claimed);
		return 1;
	}
	return 0;
}

unsigned long mobility_claim(struct balloon_pages *bp, struct balloon_block *b,
			     unsigned long max, unsigned long *claimed)
{
	struct page *first = pages_block_first(bp, b);
	unsigned long at = 0, end, got, nr = 0;
	struct page *page;

	lockdep_assert_held(&bp->lock);
	while (nr < max && (at = find_next_bit(b->in, BALLOON_BLOCK_MAX, at)) <
			   BALLOON_BLOCK_MAX) {
		end = find_next_zero_bit(b->in, BALLOON_BLOCK_MAX, at);
		end = min(end, at + max - nr);
		for (page = first + at; page < first + end; page++) {
			if (!mobility_freeze(page))
				break;
		}
		got = page - first - at;
		bitmap_set(claimed, at, got);
		nr += got;
		/* Not the one that is not to be had. */
		at += got + 1;
	}
	return nr || !max ? nr : mobility_claim_one(b, first, claimed);
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
}
