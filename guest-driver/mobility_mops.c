// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels 6.0 to 6.16: a struct movable_operations of our own
 * per device, which page->mapping leads to
 * (Documentation/mm/page_migration.rst, "Non-LRU page migration").
 *
 * All callbacks come with the page locked.  They must not be reached once the
 * device is gone: pages are unmarked under the page lock, and the device waits
 * for those that are isolated (pages_close()).
 */
#include <linux/mm.h>
#include <linux/migrate.h>
#include <linux/page-flags.h>

#include "device.h"
#include "mobility.h"
#include "migrate.h"

static struct balloon_pages *mobility_pages(struct page *page)
{
	return container_of(page_movable_ops(page), struct balloon_pages,
			    mobility.mops);
}

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
	struct virtio_balloon *vb = container_of(mobility_pages(page),
						 struct virtio_balloon, pages);

	return migrate_callback(&vb->migrate, newpage, page, mode);
}

/**
 * mobility_init() - fill in the callbacks
 * @mob: embedded in a struct balloon_pages
 */
void mobility_init(struct mobility *mob)
{
	mob->mops.isolate_page = mobility_isolate;
	mob->mops.migrate_page = mobility_migrate;
	mob->mops.putback_page = mobility_putback;
}

/**
 * mobility_mark() - let the kernel find us through a page
 * @mob: of the device that owns it
 * @page: locked, of order 0
 */
void mobility_mark(struct mobility *mob, struct page *page)
{
	__SetPageMovable(page, &mob->mops);
}

/**
 * mobility_unmark() - undo mobility_mark(); a page never marked is left alone
 * @page: locked
 */
void mobility_unmark(struct page *page)
{
	if (__PageMovable(page))
		__ClearPageMovable(page);
}

/**
 * mobility_owns() - whether a page is marked as a device's
 * @mob: of that device
 * @page: any; looked at once, as it may change meanwhile
 */
bool mobility_owns(struct mobility *mob, struct page *page)
{
	unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);

	return mapping == ((unsigned long)&mob->mops | PAGE_MAPPING_MOVABLE);
}

/**
 * mobility_forget() - leave no trace of mobility_mark()
 * @page: unmarked, its references frozen
 */
void mobility_forget(struct page *page)
{
	page->mapping = NULL;
}
