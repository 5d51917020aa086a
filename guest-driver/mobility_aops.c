// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels up to 5.19: a struct address_space of our own per
 * device, which page->mapping leads to.  It belongs to no inode and holds no
 * page cache; migration looks at nothing but its callbacks.
 *
 * All callbacks come with the page locked.  They must not be reached once the
 * device is gone: pages are unmarked under the page lock, and the device waits
 * for those that are isolated (pages_close()).
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/migrate.h>
#include <linux/page-flags.h>

#include "device.h"
#include "mobility.h"
#include "migrate.h"

static struct balloon_pages *mobility_pages(struct page *page)
{
	return container_of(page_mapping(page), struct balloon_pages,
			    mobility.mapping);
}

static bool mobility_isolate(struct page *page, isolate_mode_t mode)
{
	return pages_isolate(mobility_pages(page), page);
}

static void mobility_putback(struct page *page)
{
	pages_putback(mobility_pages(page), page);
}

static int mobility_migrate(struct address_space *mapping, struct page *newpage,
			    struct page *page, enum migrate_mode mode)
{
	struct balloon_pages *bp = container_of(mapping, struct balloon_pages,
						mobility.mapping);
	struct virtio_balloon *vb = container_of(bp, struct virtio_balloon, pages);

	return migrate_callback(&vb->migrate, newpage, page, mode);
}

static const struct address_space_operations mobility_aops = {
	.isolate_page = mobility_isolate,
	.migratepage = mobility_migrate,
	.putback_page = mobility_putback,
};

/**
 * mobility_init() - fill in the callbacks
 * @mob: embedded in a struct balloon_pages
 */
void mobility_init(struct mobility *mob)
{
	address_space_init_once(&mob->mapping);
	mob->mapping.a_ops = &mobility_aops;
}

/**
 * mobility_mark() - let the kernel find us through a page
 * @mob: of the device that owns it
 * @page: locked, of order 0
 */
void mobility_mark(struct mobility *mob, struct page *page)
{
	__SetPageMovable(page, &mob->mapping);
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

	return mapping == ((unsigned long)&mob->mapping | PAGE_MAPPING_MOVABLE);
}

/**
 * mobility_forget() - leave no trace of mobility_mark()
 * @page: unmarked, its references frozen
 */
void mobility_forget(struct page *page)
{
	page->mapping = NULL;
}
