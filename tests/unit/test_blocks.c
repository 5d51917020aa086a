// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole blocks in the balloon: unpublished, published, broken up by an isolation,
 * whole again, taken whole, and what keeps a block from being put together again.
 */
#include "rig.h"

static LIST_HEAD(held);

static void test_young_blocks_are_not_movable(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(2048);
	assert_false(list_empty(&rig->pages.arrived));
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		assert_false(vm_isolate(&vm_frames[i], MIGRATE_SYNC, &isolated));
	rig_check_quiet();
}

static void test_blocks_settle_when_inflating_pauses(void **state)
{
	rig_inflate(2048);
	sim_advance(HZ / 10);
	assert_true(list_empty(&rig->pages.arrived));
	assert_false(list_empty(&rig->pages.whole_blocks));
	assert_int_equal(rig->pages.whole, 2048);
	rig_check_quiet();
}

static void test_isolating_a_page_breaks_its_block(void **state)
{
	unsigned long whole, n;
	struct page *first;
	LIST_HEAD(isolated);

	rig_inflate(2048);
	rig_publish_blocks();
	first = rig_block();
	n = 1UL << rig->pages.order;
	whole = rig->pages.whole;
	assert_true(vm_isolate(first + n / 2, MIGRATE_ASYNC, &isolated));
	assert_int_equal(rig->pages.whole, whole - n);
	assert_int_equal(rig->pages.listed, n - 1);
	assert_int_equal(rig->pages.isolated, 1);
	rig_check();
	vm_putback(&isolated);
	assert_int_equal(rig->pages.whole, whole);
	rig_check_quiet();
}

/* One step: the frames come back as a block, none by itself. */
static void test_a_settled_block_goes_back_whole(void **state)
{
	struct page *page;

	rig_inflate(1024);
	rig_publish_blocks();
	assert_int_equal(rig->pages.whole, 1024);
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	assert_int_equal(rig->pages.listed, 0);
	/* Not one was broken up on the way. */
	page = alloc_pages(0, 10);
	assert_non_null(page);
	__free_pages(page, 10);
	rig_check_quiet();
}

static void test_a_young_block_goes_back_whole(void **state)
{
	rig_inflate(1024);
	rig_target(0);
	sim_settle();
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_check_quiet();
}

static void test_a_block_breaks_for_want_of_pages(void **state)
{
	rig_inflate(1024);
	rig_publish_blocks();
	rig_target(1023);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 1023);
	assert_int_equal(rig_given(), 1023);
	rig_check_quiet();
}

/* Somebody looks at a page of the block: it comes apart, and all comes back. */
static void test_a_reference_keeps_a_block_from_joining(void **state)
{
	struct page *page;

	rig_inflate(1024);
	rig_publish_blocks();
	page = rig_block() + 5;
	get_page(page);
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(vm_count(VM_BALLOON), 1);
	assert_int_equal(page->count, 1);
	assert_int_equal(pages_size(&rig->pages), 0);
	put_page(page);
	rig_check_quiet();
}

static void test_a_reference_to_the_first_page(void **state)
{
	struct page *page;

	rig_inflate(1024);
	rig_publish_blocks();
	page = rig_block();
	get_page(page);
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(vm_count(VM_BALLOON), 1);
	put_page(page);
	rig_check_quiet();
}

static void take_all(enum vm_point at, struct page *page)
{
	if (at != VM_ISOLATE_GOT_REF)
		return;
	vm_hook = NULL;
	rig_target(0);
	sim_settle();
}

/* A compactor has its reference already when the block is taken. */
static void test_block_taken_while_a_page_is_being_isolated(void **state)
{
	struct page *first;
	LIST_HEAD(isolated);

	rig_inflate(1024);
	rig_publish_blocks();
	first = rig_block();
	vm_hook = take_all;
	assert_false(vm_isolate(first + 7, MIGRATE_ASYNC, &isolated));
	sim_advance(HZ);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_check_quiet();
}

static void test_block_taken_while_a_page_of_it_is_isolated(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(1024);
	rig_publish_blocks();
	assert_true(vm_isolate(rig_block() + 7, MIGRATE_ASYNC, &isolated));
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 1);
	vm_putback(&isolated);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

static void hold_page(void *arg)
{
	struct page *page = arg;

	get_page(page);
	lock_page(page);
	sim_sleep(20);
	unlock_page(page);
	put_page(page);
}

static void test_a_locked_page_stays_behind(void **state)
{
	rig_inflate(1024);
	rig_publish_blocks();
	sim_spawn("locker", hold_page, rig_block() + 3);
	sim_settle();
	rig_target(0);
	sim_advance(10);
	assert_int_equal(vm_count_host(VM_HOST_IN), 1);
	rig_check();
	sim_advance(HZ);
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_check_quiet();
}

static void test_removal_with_young_and_settled_blocks(void **state)
{
	rig_inflate(1024);
	rig_publish_blocks();
	rig_inflate(3072);
	assert_false(list_empty(&rig->pages.arrived));
	assert_false(list_empty(&rig->pages.whole_blocks));
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_of_blocks_with_a_dead_host(void **state)
{
	rig_inflate(1024);
	rig_publish_blocks();
	rig_inflate(3072);
	assert_true(vm_isolate(rig_block() + 1, MIGRATE_ASYNC, &held));
	vm_putback(&held);
	host.broken = true;
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_young_blocks_are_not_movable),
		both(test_blocks_settle_when_inflating_pauses),
		both(test_isolating_a_page_breaks_its_block),
		both(test_a_settled_block_goes_back_whole),
		both(test_a_young_block_goes_back_whole),
		both(test_a_block_breaks_for_want_of_pages),
		both(test_a_reference_keeps_a_block_from_joining),
		both(test_a_reference_to_the_first_page),
		both(test_block_taken_while_a_page_is_being_isolated),
		both(test_block_taken_while_a_page_of_it_is_isolated),
		both(test_a_locked_page_stays_behind),
		both(test_removal_with_young_and_settled_blocks),
		both(test_removal_of_blocks_with_a_dead_host),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
