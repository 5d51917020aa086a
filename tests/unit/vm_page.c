// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be done to one page frame of the model: references, the page lock;
 * and what a debugging kernel would say to each.
 */
#include <linux/mm.h>

bool page_ref_freeze(struct page *page, int count)
{
	sim_point();
	if (page->count != count)
		return false;
	page->count = 0;
	return true;
}

void page_ref_unfreeze(struct page *page, int count)
{
	sim_check(!page->count, "frame %lu thawed, which is not frozen", vm_index(page));
	page->count = count;
	sim_point();
}

void get_page(struct page *page)
{
	sim_check(page->count > 0, "a reference to frame %lu, which nobody has", vm_index(page));
	page->count++;
	sim_point();
}

bool get_page_unless_zero(struct page *page)
{
	sim_point();
	if (!page->count)
		return false;
	page->count++;
	return true;
}

void put_page(struct page *page)
{
	sim_check(page->count > 0, "frame %lu: one put_page() too many", vm_index(page));
	if (!--page->count)
		vm_free_frame(page);
	sim_point();
}

bool trylock_page(struct page *page)
{
	sim_point();
	sim_check(page->count > 0, "the lock of frame %lu, which nobody has", vm_index(page));
	/* A new owner sets the lock bit of its page without regard to others. */
	sim_check(page->owner != VM_GUEST, "the lock of frame %lu, which is the guest's",
		  vm_index(page));
	if (page->locker)
		return false;
	page->locker = sim_current;
	return true;
}

static bool unlocked(void *arg)
{
	return !((struct page *)arg)->locker;
}

void lock_page(struct page *page)
{
	sim_might_sleep("lock_page");
	sim_check(page->locker != sim_current, "frame %lu locked twice", vm_index(page));
	while (!trylock_page(page))
		sim_block(unlocked, page, SIM_FOREVER, "a page lock");
}

void unlock_page(struct page *page)
{
	sim_check(page->locker == sim_current, "frame %lu unlocked by who has not locked it",
		  vm_index(page));
	page->locker = NULL;
	sim_point();
}

void vm_need_lock(struct page *page, const char *what)
{
	sim_check(page->locker == sim_current, "frame %lu: %s without the page lock",
		  vm_index(page), what);
}

void __ClearPageOffline(struct page *page)
{
	sim_check(page->offline, "frame %lu marked online, which it is", vm_index(page));
	page->offline = false;
}
