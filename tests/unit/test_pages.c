// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages in and out of migration's hands, step by step: isolate, put back,
 * refuse, give back meanwhile.  The driver is whole, the host answers at once
 * unless a test says otherwise; every test ends with the device removed and
 * all frames free.
 */
#include "rig.h"

static int moves;

static void test_isolate_then_putback(void **state)
{
	struct page *page;
	LIST_HEAD(isolated);

	rig_inflate(100);
	rig_break_blocks();
	page = rig_listed(10);
	assert_true(vm_isolate(page, MIGRATE_ASYNC, &isolated));
	assert_int_equal(rig->pages.isolated, 1);
	assert_int_equal(pages_size(&rig->pages), 100);
	rig_check();
	vm_putback(&isolated);
	assert_int_equal(rig->pages.isolated, 0);
	assert_true(rig_is_listed(page));
	assert_int_equal(page->count, 1);
	rig_check_quiet();
}

static void test_isolated_page_is_refused_to_others(void **state)
{
	LIST_HEAD(one);
	LIST_HEAD(other);

	rig_inflate(10);
	rig_break_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &one));
	assert_false(vm_isolate(list_first_entry(&one, struct page, lru), MIGRATE_SYNC, &other));
	vm_putback(&one);
	rig_check_quiet();
}

static LIST_HEAD(other_list);

/* The other CPU comes while this one holds the lock: it finds it locked. */
static void isolate_beside(enum vm_point at, struct page *page)
{
	if (at != VM_ISOLATE_LOCKED && at != VM_ISOLATE_GOT_REF)
		return;
	vm_hook = NULL;
	moves += vm_isolate(page, MIGRATE_ASYNC, &other_list);
}

static void test_concurrent_isolation(void **state)
{
	struct page *page;
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	page = rig_listed(3);
	INIT_LIST_HEAD(&other_list);
	moves = 0;
	vm_hook = isolate_beside;
	/* The other one comes first, between our reference and our lock. */
	assert_false(vm_isolate(page, MIGRATE_ASYNC, &isolated));
	assert_int_equal(moves, 1);
	assert_int_equal(rig->pages.isolated, 1);
	assert_int_equal(page->count, 2);
	vm_putback(&other_list);
	rig_check_quiet();
}

static struct page *last_put;

static void deflate_all(enum vm_point at, struct page *page)
{
	if (at != VM_ISOLATE_GOT_REF)
		return;
	vm_hook = NULL;
	last_put = page;
	rig_target(0);
	sim_settle();
}

/* The compactor's reference is the last one then, and the frame is its to free. */
static void test_deflated_while_being_isolated(void **state)
{
	struct page *page;
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	page = rig_listed(3);
	vm_hook = deflate_all;
	assert_false(vm_isolate(page, MIGRATE_ASYNC, &isolated));
	assert_ptr_equal(last_put, page);
	assert_int_equal(page->owner, VM_FREE);
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

static void deflate_when_locked(enum vm_point at, struct page *page)
{
	if (at != VM_ISOLATE_LOCKED)
		return;
	vm_hook = NULL;
	rig_target(0);
	sim_settle();
}

/* Locked by who isolates it: deflating leaves it alone, and takes it later. */
static void test_deflate_skips_a_page_about_to_be_isolated(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	vm_hook = deflate_when_locked;
	assert_true(vm_isolate(rig_listed(3), MIGRATE_ASYNC, &isolated));
	assert_int_equal(pages_size(&rig->pages), 1);
	assert_int_equal(rig->pages.isolated, 1);
	rig_check();
	vm_putback(&isolated);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

static void test_deflate_skips_isolated_pages(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(600);
	rig_break_blocks();
	for (int i = 0; i < 20; i++)
		assert_true(vm_isolate(rig_listed(i * 7), MIGRATE_ASYNC, &isolated));
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 20);
	assert_int_equal(rig_given(), 20);
	rig_check();
	vm_putback(&isolated);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	assert_int_equal(rig_given(), 0);
	rig_check_quiet();
}

static void test_unacknowledged_pages_are_not_isolated(void **state)
{
	LIST_HEAD(isolated);

	host.at_once = false;
	rig_target(500);
	sim_settle();
	assert_true(vm_count_host(VM_HOST_ENTERING) == 500);
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		assert_false(vm_isolate(&vm_frames[i], MIGRATE_SYNC, &isolated));
	fake_host_answer_all();
	assert_int_equal(pages_size(&rig->pages), 500);
	rig_check_quiet();
}

static void test_unacknowledged_pages_are_not_deflated(void **state)
{
	host.at_once = false;
	rig_target(500);
	sim_settle();
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(host.posts[HOSTCOMM_DEFLATE], 0);
	fake_host_answer_all();
	assert_int_equal(pages_size(&rig->pages), 0);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_check_quiet();
}

/* MUST_TELL_HOST or not: a frame is free only once the host knows. */
static void test_deflated_pages_stay_until_acknowledged(void **state)
{
	rig_inflate(500);
	host.at_once = false;
	rig_target(100);
	sim_settle();
	assert_int_equal(pages_size(&rig->pages), 100);
	assert_int_equal(vm_count(VM_BALLOON), 500);
	fake_host_answer_all();
	assert_int_equal(vm_count(VM_BALLOON), 100);
	rig_check_quiet();
}

static void test_closed_balloon_isolates_nothing(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	pages_close(&rig->pages);
	assert_false(vm_isolate(rig_listed(0), MIGRATE_SYNC, &isolated));
	pages_open(&rig->pages);
	assert_true(vm_isolate(rig_listed(0), MIGRATE_SYNC, &isolated));
	vm_putback(&isolated);
	rig_check_quiet();
}

static void put_back_later(void *arg)
{
	sim_sleep(50);
	vm_putback(arg);
}

static void test_closing_waits_for_isolated_pages(void **state)
{
	unsigned long before;
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	before = jiffies;
	sim_spawn("compactor", put_back_later, &isolated);
	pages_close(&rig->pages);
	assert_int_equal(jiffies - before, 50);
	assert_int_equal(rig->pages.isolated, 0);
	assert_int_equal(pages_size(&rig->pages), 10);
	sim_join();
}

/* Its holder sleeps with the page lock: removal waits, but as long as that. */
static void hold_lock(void *arg)
{
	struct page *page = arg;

	get_page(page);
	lock_page(page);
	sim_sleep(30);
	unlock_page(page);
	put_page(page);
}

static void test_removal_waits_for_a_page_lock(void **state)
{
	rig_inflate(1000);
	rig_break_blocks();
	sim_spawn("locker", hold_lock, rig_listed(400));
	sim_settle();
	rig_remove();
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_of_a_dead_device_waits_for_a_page_lock(void **state)
{
	rig_inflate(1000);
	rig_break_blocks();
	sim_spawn("locker", hold_lock, rig_listed(400));
	sim_settle();
	host.broken = true;
	rig_remove();
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_rig(test_isolate_then_putback),
		with_rig(test_isolated_page_is_refused_to_others),
		with_rig(test_concurrent_isolation),
		with_rig(test_deflated_while_being_isolated),
		with_rig(test_deflate_skips_a_page_about_to_be_isolated),
		with_rig(test_deflate_skips_isolated_pages),
		with_rig(test_unacknowledged_pages_are_not_isolated),
		with_rig(test_unacknowledged_pages_are_not_deflated),
		with_rig(test_deflated_pages_stay_until_acknowledged),
		with_rig(test_closed_balloon_isolates_nothing),
		with_rig(test_closing_waits_for_isolated_pages),
		with_rig(test_removal_waits_for_a_page_lock),
		with_rig(test_removal_of_a_dead_device_waits_for_a_page_lock),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
