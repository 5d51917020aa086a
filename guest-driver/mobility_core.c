// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels where no driver has callbacks of its own: the
 * kernel's balloon core owns them, and with them page->private, page->lru and
 * the list of each struct balloon_dev_info.  It isolates and puts back without
 * asking; we are asked to move a page, no more.
 *
 * The core would make the new page the balloon's at once, though the host does
 * not know it yet (I1).  So a move is told to it as a deflate of the old page
 * (-ENOENT): it lets go of both, and we keep a reference of each until the host
 * has answered.
 *
 * Locks: balloon_pages.lock -> the core's own, which its functions take.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "compat/core.h"
#include "device.h"
#include "mobility.h"
#include "migrate.h"

static int mobility_migrate(struct balloon_dev_info *info, struct page *newpage,
			    struct page *page, enum migrate_mode mode)
{
	struct balloon_pages *bp = container_of(info, struct mobility_bag, info)->bp;
	struct virtio_balloon *vb = container_of(bp, struct virtio_balloon, pages);
	int err;

	if (!pages_begin_move(bp))
		return -EAGAIN;
	err = migrate_callback(&vb->migrate, newpage, page, mode);
	pages_moved(bp);
	return err ? err : -ENOENT;
}

/**
 * mobility_bag_init() - an empty bag
 * @bag: any memory
 * @bp: whose pages it will hold
 */
void mobility_bag_init(struct mobility_bag *bag, struct balloon_pages *bp)
{
	balloon_devinfo_init(&bag->info);
	bag->info.migratepage = mobility_migrate;
	bag->bp = bp;
	bag->left = 0;
	bag->first = NULL;
	bag->pages = 0;
	INIT_LIST_HEAD(&bag->node);
}

/**
 * mobility_init() - no pages yet
 * @mob: embedded in a struct balloon_pages
 */
void mobility_init(struct mobility *mob)
{
	mobility_bag_init(&mob->singles, container_of(mob, struct balloon_pages,
						      mobility));
	INIT_LIST_HEAD(&mob->spent);
}

/**
 * mobility_bag_fill() - let the kernel isolate pages
 * @bag: they are in it from now on; its @left is the caller's matter
 * @pages: of order 0, linked by lru; empty on return
 *
 * Entering the kernel's list is not what we call an inflate.  Who looks at
 * /proc/vmstat meanwhile sees more than there was.
 */
void mobility_bag_fill(struct mobility_bag *bag, struct list_head *pages)
{
	long nr = balloon_page_list_enqueue(&bag->info, pages);

	count_vm_events(BALLOON_INFLATE, -nr);
}

/**
 * mobility_bag_empty() - take pages that are not isolated
 * @bag: loses them; its @left is the caller's matter
 * @pages: they are added here
 * @max: how many at most
 *
 * Their offline mark stays until they are freed: somebody may just have seen
 * it and be about to ask who owns them.
 *
 * Return: how many.
 */
unsigned long mobility_bag_empty(struct mobility_bag *bag,
				 struct list_head *pages, unsigned long max)
{
	long nr = balloon_page_list_dequeue(&bag->info, pages, max);

	count_vm_events(BALLOON_DEFLATE, -nr);
	return nr;
}

/**
 * mobility_bag_is_idle() - whether the core holds none of its pages
 * @bag: empty
 *
 * Return: true once neither the core nor a callback of ours will touch @bag.
 */
bool mobility_bag_is_idle(struct mobility_bag *bag)
{
	LIST_HEAD(none);

	if (mobility_bag_isolated(bag))
		return false;
	/* Who counted the last one down holds the core's lock no more. */
	balloon_page_list_dequeue(&bag->info, &none, 0);
	return true;
}

/**
 * mobility_let_go() - a page leaves its bag by migration
 * @page: locked, isolated
 *
 * The core will count a deflate, and drop the balloon's reference.
 */
void mobility_let_go(struct page *page)
{
	get_page(page);
	compat_core_moved_page(page);
	count_vm_events(BALLOON_DEFLATE, -1L);
}

/**
 * mobility_owns() - whether a page is marked as a device's
 * @mob: of that device
 * @page: any
 *
 * What page->private says of a page that anybody may own is not to be followed.
 *
 * Return: false: nobody asks who could make use of it (pages_can_choose()).
 */
bool mobility_owns(struct mobility *mob, struct page *page)
{
	return false;
}

/**
 * mobility_forget() - leave no trace of having been in a bag
 * @page: in none, its references frozen, so that nobody looks at its type
 */
void mobility_forget(struct page *page)
{
	__ClearPageOffline(page);
}

/**
 * mobility_bag_isolated() - pages of a bag in the hands of migration
 * @bag: filled
 *
 * Return: how many; an estimate, as it may change at once.
 */
unsigned long mobility_bag_isolated(struct mobility_bag *bag)
{
	return READ_ONCE(bag->info.isolated_pages);
}

/**
 * mobility_bag_of() - where a page is
 * @page: locked, isolated
 */
struct mobility_bag *mobility_bag_of(struct page *page)
{
	struct balloon_dev_info *info = (void *)page_private(page);

	return container_of(info, struct mobility_bag, info);
}
