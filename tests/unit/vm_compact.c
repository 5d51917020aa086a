// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel does with movable pages when it compacts memory, in the
 * order of kernel 6.1: isolate under the page lock, try each page up to ten
 * times while its driver says -EAGAIN and once when it says anything else, put
 * back what would not go.  Any number of tasks may be in here at once; each
 * step is a place where they take turns.
 *
 * Checks I1 on the way: a page whose inflate the host has not acknowledged is
 * never isolated.  And I5: isolate, putback and migrate callbacks run with
 * sleeping forbidden, unless the mode is MIGRATE_SYNC.
 */
#include <linux/mm.h>

#define PASSES	10
/* Passes that only try to lock a page, before one that waits for it. */
#define PASSES_TRY 3
/* Pages isolated before they are migrated. */
#define CLUSTER	32

static void at(enum vm_point point, struct page *page)
{
	sim_point();
	if (vm_hook)
		vm_hook(point, page);
}

static const char *forbid_sleep(const char *why)
{
	const char *before = sim_current->no_sleep;

	sim_current->no_sleep = why;
	return before;
}

/* Return: whether the page was there to take a reference of. */
static bool get_if_used(struct page *page)
{
	sim_point();
	if (!page->count)
		return false;
	page->count++;
	return true;
}

static bool isolate_locked(struct page *page, enum migrate_mode mode)
{
	const char *before;
	bool ok;

	/* Locked for its mark alone, which outlives its owner. */
	sim_point();
	if (!vm_mops(page) || page->isolated)
		return false;
	at(VM_ISOLATE_LOCKED, page);
	before = forbid_sleep("in an isolate callback");
	ok = vm_mops(page)->isolate_page(page, mode == MIGRATE_ASYNC ? 4 : 0);
	sim_current->no_sleep = before;
	return ok;
}

/**
 * vm_isolate() - take a movable page from its driver
 * @page: any frame
 * @mode: only passed on
 * @isolated: linked here by page->lru, with a reference, marked isolated
 *
 * Return: whether it was to be had.
 */
bool vm_isolate(struct page *page, enum migrate_mode mode, struct list_head *isolated)
{
	bool ok = false;

	if (!get_if_used(page))
		return false;
	at(VM_ISOLATE_GOT_REF, page);
	if (__PageMovable(page) && trylock_page(page)) {
		ok = isolate_locked(page, mode);
		if (ok) {
			/* The owner may have let go of it: then it owes no answer. */
			sim_check(vm_core_keeps || page->count == 1 || page->host == VM_HOST_IN,
				  "frame %ld isolated while host state is %d (I1)",
				  (long)(page - vm_frames), page->host);
			page->isolated = true;
		}
		unlock_page(page);
	}
	if (!ok) {
		put_page(page);
		return false;
	}
	list_add_tail(&page->lru, isolated);
	at(VM_ISOLATED, page);
	return true;
}

static int call_driver(struct page *new, struct page *page, enum migrate_mode mode)
{
	const char *before = sim_current->no_sleep;
	int err;

	sim_check(page->isolated, "a page is to be moved that is not isolated");
	if (!vm_mops(page)) {
		/* The owner let go of it meanwhile. */
		page->isolated = false;
		return 0;
	}
	at(VM_MIGRATE_CALL, page);
	if (mode != MIGRATE_SYNC)
		forbid_sleep(mode == MIGRATE_ASYNC ? "in MIGRATE_ASYNC" : "in MIGRATE_SYNC_LIGHT");
	new->private = 0;
	err = vm_mops(page)->migrate_page(new, page, mode);
	sim_current->no_sleep = before;
	if (!err) {
		sim_check(!vm_owned(page), "a page moved, but still leads to its driver");
		page->isolated = false;
		/* What the driver has a reference of is the driver's now. */
		if (new->count > 1)
			new->owner = VM_BALLOON;
	}
	at(VM_MIGRATE_RETURNED, page);
	return err;
}

/* One try of one page.  Return: as the driver's callback. */
static int migrate_one(struct page *page, enum migrate_mode mode, int pass, struct vm_result *r)
{
	struct page *new;
	int err = -EAGAIN;

	if (page->count == 1) {
		/* Nobody but us knows it: freed under us, and freed by us. */
		page->isolated = false;
		r->freed_under_us++;
		return 0;
	}
	new = vm_new_frame ? vm_new_frame() : vm_alloc(VM_CORE);
	if (!new) {
		r->nomem++;
		return -ENOMEM;
	}
	if (!trylock_page(page)) {
		if (pass < PASSES_TRY || mode == MIGRATE_ASYNC)
			goto out;
		lock_page(page);
	}
	sim_check(trylock_page(new), "a new frame is locked");
	r->calls++;
	err = call_driver(new, page, mode);
	unlock_page(new);
	unlock_page(page);
out:
	put_page(new);
	if (!err)
		r->moved++;
	else if (err == -EAGAIN)
		r->again++;
	else
		r->busy++;
	return err;
}

/**
 * vm_migrate() - move isolated pages to other frames
 * @isolated: by page->lru; those that stayed are left on it
 * @mode: what the caller can bear
 */
struct vm_result vm_migrate(struct list_head *isolated, enum migrate_mode mode)
{
	struct vm_result r = {};
	struct page *page, *next;
	bool again = true;
	LIST_HEAD(stay);

	for (int pass = 0; pass < PASSES && again; pass++) {
		again = false;
		list_for_each_entry_safe(page, next, isolated, lru) {
			int err = migrate_one(page, mode, pass, &r);

			sim_check(err <= 0, "a migrate callback returned %d", err);
			if (err == -EAGAIN) {
				again = true;
				continue;
			}
			/* The old frame is core's to unlink, long after the callback. */
			at(VM_MIGRATE_UNLOCKED, page);
			list_del(&page->lru);
			if (!err)
				put_page(page);
			else
				list_add_tail(&page->lru, &stay);
		}
	}
	list_splice_tail_init(&stay, isolated);
	list_for_each_entry(page, isolated, lru)
		r.failed++;
	return r;
}

/**
 * vm_putback() - give pages that stayed back to their driver
 * @isolated: by page->lru; empty on return
 */
void vm_putback(struct list_head *isolated)
{
	struct page *page, *next;
	const char *before;

	list_for_each_entry_safe(page, next, isolated, lru) {
		list_del(&page->lru);
		lock_page(page);
		if (vm_mops(page)) {
			before = forbid_sleep("in a putback callback");
			vm_mops(page)->putback_page(page);
			sim_current->no_sleep = before;
		}
		page->isolated = false;
		unlock_page(page);
		put_page(page);
	}
}

static void add_up(struct vm_result *sum, const struct vm_result *r)
{
	sum->moved += r->moved;
	sum->failed += r->failed;
	sum->freed_under_us += r->freed_under_us;
	sum->calls += r->calls;
	sum->again += r->again;
	sum->busy += r->busy;
	sum->nomem += r->nomem;
}

/**
 * vm_compact() - clear a range of frames of movable pages, as far as they go
 * @first: where it begins
 * @n: frames
 * @mode: what the caller can bear
 */
struct vm_result vm_compact(struct page *first, unsigned long n, enum migrate_mode mode)
{
	struct vm_result sum = {}, r;
	unsigned int taken = 0;
	LIST_HEAD(isolated);

	for (unsigned long i = 0; i < n; i++) {
		taken += vm_isolate(&first[i], mode, &isolated);
		if (taken != CLUSTER && i + 1 < n)
			continue;
		r = vm_migrate(&isolated, mode);
		add_up(&sum, &r);
		vm_putback(&isolated);
		taken = 0;
	}
	return sum;
}
