// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that the kernel's balloon core keeps (vm_core.c): whole blocks there and
 * back, blocks that migration has opened, and a core that isolates and calls
 * whenever it likes.  What holds for every kernel is in the tests that also run
 * as core_* (units.mk).
 */
#include "rig.h"

static unsigned int opened(struct page *first, enum migrate_mode mode)
{
	struct vm_result r = vm_compact(first + 3, 5, mode);

	sim_advance(2);
	return r.moved;
}

static void test_settled_blocks_count_as_ballooned(void **state)
{
	rig_inflate(2048);
	assert_int_equal(vm_balloon_pages, 0);
	rig_publish_blocks();
	assert_int_equal(vm_balloon_pages, 2048);
	assert_int_equal(rig->pages.whole, 2048);
	rig_check_quiet();
	rig_inflate(0);
	assert_int_equal(vm_balloon_pages, 0);
}

/* One step: the frames come back as a block, none by itself. */
static void test_a_settled_block_goes_back_whole(void **state)
{
	struct page *page;

	rig_inflate(1024);
	rig_publish_blocks();
	rig_inflate(0);
	page = alloc_pages(0, 10);
	assert_non_null(page);
	__free_pages(page, 10);
	assert_true(xa_empty(&rig->pages.blocks));
}

static void test_an_opened_block_goes_back_too(void **state)
{
	rig_inflate(2048);
	rig_publish_blocks();
	assert_int_equal(opened(rig_block(), MIGRATE_ASYNC), 5);
	assert_int_equal(rig->pages.whole, 2048 - (1 << rig->pages.order));
	assert_int_equal(vm_events[BALLOON_MIGRATE], 5);
	rig_check_quiet();
	rig_inflate(0);
	assert_true(list_empty(&rig->pages.whole_blocks));
}

/* What is left of it is more pieces than a request can name: all leave all the same. */
static void test_blocks_full_of_holes(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(4096);
	rig_publish_blocks();
	for (int b = 0; b < 3; b++) {
		unsigned long n = 1UL << rig->pages.order;
		struct page *first = rig_block();

		for (unsigned long i = 0; i < n; i += 2)
			assert_true(vm_isolate(&first[i], MIGRATE_ASYNC, &isolated));
		assert_int_equal(vm_migrate(&isolated, MIGRATE_ASYNC).moved, n / 2);
		sim_advance(2);
	}
	rig_check_quiet();
	rig_inflate(1);
	rig_inflate(0);
}

/* All of it moved: its entry is not kept. */
static void test_a_block_moved_as_a_whole(void **state)
{
	unsigned long n = 1UL << rig->pages.order, blocks;
	struct page *first;

	rig_inflate(1024);
	rig_publish_blocks();
	first = rig_block();
	blocks = rig->pages.blocks.used;
	assert_int_equal(vm_compact(first, n, MIGRATE_ASYNC).moved, n);
	sim_advance(2);
	assert_true(rig->pages.blocks.used >= blocks);
	assert_int_equal(pages_look(&rig->pages, first, (unsigned long[BALLOON_BLOCK_MAX]){}), 0);
	rig_check_quiet();
	rig_inflate(0);
	assert_true(xa_empty(&rig->pages.blocks));
}

static void test_deflate_leaves_isolated_pages(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(1024);
	rig_publish_blocks();
	assert_true(vm_isolate(rig_block() + 7, MIGRATE_ASYNC, &isolated));
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 1);
	rig_check();
	vm_putback(&isolated);
	sim_advance(2 * HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

static void test_refused_moves_come_back(void **state)
{
	struct page *first;

	rig_inflate(1024);
	rig_publish_blocks();
	host.refuse = 1;
	host.refuse_op = HOSTCOMM_SWAP;
	host.refuse_after = 2;
	host.refuse_err = -EBADSLT;
	first = rig_block();
	assert_int_equal(opened(first, MIGRATE_ASYNC), 5);
	sim_advance(HZ);
	assert_int_equal(host.refuse, 0);
	assert_int_equal(rig->migrate.stats.refused, 3);
	assert_int_equal(first[5].owner, VM_BALLOON);
	rig_check_quiet();
	rig_inflate(0);
}

/* One wait for what is moved together, not one a page. */
static void test_sync_waits_for_the_last_page(void **state)
{
	rig_inflate(1024);
	rig_publish_blocks();
	assert_int_equal(vm_compact(rig_block() + 3, 20, MIGRATE_SYNC).moved, 20);
	assert_int_equal(rig->migrate.stats.batches, 1);
	assert_int_equal(rig_moves_held(), 0);
	rig_check_quiet();
}

static void move_some(void)
{
	for (unsigned long i = 0; i < vm_nr_frames; i += 64) {
		struct vm_result r = vm_compact(&vm_frames[i], 64, MIGRATE_SYNC);

		assert_int_equal(r.moved, 0);
	}
}

/* The core asks all the same; nothing moves, and nothing is lost. */
static void test_moves_while_asleep(void **state)
{
	rig_inflate(2048);
	rig_publish_blocks();
	rig_sleep();
	rig_check();
	move_some();
	assert_int_equal(vm_count(VM_BALLOON), 2048);
	assert_int_equal(rig_wake(true), 0);
	sim_advance(2 * HZ);
	assert_int_equal(pages_size(&rig->pages), 2048);
	rig_check_quiet();
	assert_int_equal(opened(rig_block(), MIGRATE_SYNC), 5);
}

static void put_back_later(void *arg)
{
	sim_sleep(50);
	vm_putback(arg);
}

static void removal_with_an_isolated_page(bool dead)
{
	unsigned long before;
	LIST_HEAD(isolated);

	rig_inflate(1024);
	rig_publish_blocks();
	assert_true(vm_isolate(rig_block() + 9, MIGRATE_ASYNC, &isolated));
	host.broken = dead;
	before = jiffies;
	sim_spawn("compactor", put_back_later, &isolated);
	rig_remove();
	assert_true(jiffies - before >= 50);
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_waits_for_an_isolated_page(void **state)
{
	removal_with_an_isolated_page(false);
}

static void test_removal_of_a_dead_device_waits_for_one(void **state)
{
	removal_with_an_isolated_page(true);
}

static bool closed;

static void close_balloon(void *arg)
{
	pages_close(&rig->pages);
	closed = true;
}

static void close_beside(enum vm_point at, struct page *page)
{
	if (at == VM_MIGRATE_CALL)
		sim_spawn("closer", close_balloon, NULL);
	if (at != VM_MIGRATE_RETURNED)
		return;
	vm_hook = NULL;
	assert_false(closed);
}

/* Also for one that moves nothing: the queues it looks at go next. */
static void test_closing_waits_for_callbacks(void **state)
{
	rig_settled(2000);
	for (int i = 0; i < MIGRATE_BATCHES; i++)
		rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
	closed = false;
	vm_hook = close_beside;
	assert_int_equal(rig_move_oldest(1, MIGRATE_SYNC).moved, 0);
	sim_join();
	assert_true(closed);
	pages_open(&rig->pages);
	fake_host_answer_all();
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_settled_blocks_count_as_ballooned),
		both(test_a_settled_block_goes_back_whole),
		both(test_an_opened_block_goes_back_too),
		both(test_blocks_full_of_holes),
		both(test_a_block_moved_as_a_whole),
		both(test_deflate_leaves_isolated_pages),
		with_ops(test_refused_moves_come_back),
		both(test_sync_waits_for_the_last_page),
		both(test_moves_while_asleep),
		both(test_removal_waits_for_an_isolated_page),
		both(test_removal_of_a_dead_device_waits_for_one),
		both(test_closing_waits_for_callbacks),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
