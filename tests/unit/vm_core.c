// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's balloon core, as far as a driver can tell its doings apart
 * (7.2): it keeps the pages on lists of its own, finds them by their type, and
 * isolates and puts back without asking.  The driver is asked to move a page,
 * and may answer -ENOENT: the old one left, and the new one is none of the
 * core's business.
 *
 * Locks: one for all lists, innermost.
 */
#include <linux/balloon.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

static spinlock_t lists = { .name = "the balloon core's lock" };

const bool vm_core_keeps = true;
long vm_balloon_pages;

bool vm_core_busy(void)
{
	return lists.owner;
}

size_t balloon_page_list_enqueue(struct balloon_dev_info *info, struct list_head *pages)
{
	unsigned long flags;
	struct page *page;
	size_t n = 0;

	spin_lock_irqsave(&lists, flags);
	for (; !list_empty(pages); n++) {
		page = list_first_entry(pages, struct page, lru);
		sim_check(page->count > 0, "frame %lu enqueued, of which nobody has a reference",
			  vm_index(page));
		sim_check(!vm_owned(page), "frame %lu enqueued twice", vm_index(page));
		page->offline = true;
		page->movable_ops = true;
		page->private = (unsigned long)info;
		list_move(&page->lru, &info->pages);
		vm_balloon_pages++;
	}
	count_vm_events(BALLOON_INFLATE, n);
	spin_unlock_irqrestore(&lists, flags);
	return n;
}

size_t balloon_page_list_dequeue(struct balloon_dev_info *info, struct list_head *pages,
				 size_t max)
{
	unsigned long flags;
	struct page *page;
	size_t n = 0;

	spin_lock_irqsave(&lists, flags);
	for (; n < max && !list_empty(&info->pages); n++) {
		page = list_first_entry(&info->pages, struct page, lru);
		page->private = 0;
		list_move(&page->lru, pages);
		vm_balloon_pages--;
	}
	count_vm_events(BALLOON_DEFLATE, n);
	spin_unlock_irqrestore(&lists, flags);
	return n;
}

void dec_node_page_state(struct page *page, enum node_stat_item item)
{
	sim_check(item == NR_BALLOON_PAGES && vm_owned(page), "frame %lu does not count",
		  vm_index(page));
	vm_balloon_pages--;
}

static struct balloon_dev_info *info_of(struct page *page)
{
	return (void *)page->private;
}

static bool core_isolate(struct page *page, isolate_mode_t mode)
{
	unsigned long flags;
	bool ok;

	(void)mode;
	spin_lock_irqsave(&lists, flags);
	ok = page->private;
	if (ok) {
		list_del(&page->lru);
		info_of(page)->isolated_pages++;
	}
	spin_unlock_irqrestore(&lists, flags);
	return ok;
}

static void core_putback(struct page *page)
{
	unsigned long flags;

	sim_check(page->private, "frame %lu is put back to nobody", vm_index(page));
	spin_lock_irqsave(&lists, flags);
	list_add(&page->lru, &info_of(page)->pages);
	info_of(page)->isolated_pages--;
	spin_unlock_irqrestore(&lists, flags);
}

static int core_migrate(struct page *new, struct page *page, enum migrate_mode mode)
{
	struct balloon_dev_info *info = info_of(page);
	bool known = page->host == VM_HOST_IN;
	unsigned long flags;
	int err;

	sim_check(info, "frame %lu is moved for nobody", vm_index(page));
	err = info->migratepage(info, new, page, mode);
	/* It would be the balloon's at once, before the host knows of it (I1). */
	sim_check(err, "frame %lu is the core's before the host was told", vm_index(new));
	if (err != -ENOENT)
		return err;
	sim_check(known, "frame %lu moved, of which the host did not know (I1)", vm_index(page));
	sim_point();
	spin_lock_irqsave(&lists, flags);
	count_vm_events(BALLOON_DEFLATE, 1);
	info->isolated_pages--;
	page->private = 0;
	spin_unlock_irqrestore(&lists, flags);
	put_page(page);
	return 0;
}

static const struct movable_operations core_ops = {
	.isolate_page = core_isolate,
	.migrate_page = core_migrate,
	.putback_page = core_putback,
};

/* By its type, which a page keeps until it is free. */
const struct movable_operations *vm_mops(const struct page *page)
{
	return page->offline && page->movable_ops ? &core_ops : NULL;
}

bool vm_owned(const struct page *page)
{
	return vm_mops(page) && page->private;
}

bool __PageMovable(struct page *page)
{
	return vm_mops(page);
}
