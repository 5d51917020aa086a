// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moving ballooned pages: what the host is told and in which order, what is
 * free when, what happens when batches run out and when the balloon closes.
 * Each case on the PFN queues and with page ops.  Compaction here is
 * MIGRATE_ASYNC; the modes that wait are in test_migrate_wait.c.
 */
#include "rig.h"

#define ALL_HELD (MIGRATE_BATCH * MIGRATE_BATCHES)

static void test_a_move_is_told_and_then_the_old_frame_is_free(void **state)
{
	struct page *old;
	LIST_HEAD(isolated);

	rig_settled(100);
	old = rig_listed(0);
	assert_true(vm_isolate(old, MIGRATE_ASYNC, &isolated));
	assert_int_equal(vm_migrate(&isolated, MIGRATE_ASYNC).moved, 1);
	assert_int_equal(old->owner, VM_BALLOON);
	assert_int_equal(rig->pages.pending, 1);
	assert_int_equal(fake_host_unanswered(), 0);
	/* For company, but not for long. */
	sim_advance(2);
	assert_int_equal(fake_host_unanswered(), 1);
	assert_int_equal(old->owner, VM_BALLOON);
	rig_check();
	fake_host_answer_all();
	assert_int_equal(old->owner, VM_FREE);
	assert_int_equal(pages_size(&rig->pages), 100);
	assert_int_equal(vm_events[BALLOON_MIGRATE], 1);
	rig_check_quiet();
}

/* PFN queues: the deflate of the old page follows the answer to the inflate. */
static void test_inflate_is_acknowledged_before_deflate(void **state)
{
	rig_settled(100);
	assert_int_equal(rig_move_oldest(10, MIGRATE_ASYNC).moved, 10);
	sim_advance(2);
	assert_int_equal(vm_count_host(VM_HOST_ENTERING), 10);
	assert_int_equal(vm_count_host(VM_HOST_LEAVING), 0);
	assert_int_equal(fake_host_answer(HOSTCOMM_VQ_DEFLATE, 9), 0);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_settle();
	assert_int_equal(vm_count_host(VM_HOST_ENTERING), 0);
	assert_int_equal(vm_count_host(VM_HOST_LEAVING), 10);
	assert_int_equal(rig->pages.pending, 0);
	assert_int_equal(vm_count(VM_BALLOON), 110);
	fake_host_answer(HOSTCOMM_VQ_DEFLATE, 1);
	sim_settle();
	assert_int_equal(vm_count(VM_BALLOON), 100);
	rig_check_quiet();
}

/* Page ops: one buffer says both. */
static void test_a_batch_is_one_request(void **state)
{
	unsigned int before;

	rig_settled(600);
	before = host.posts[HOSTCOMM_SWAP];
	assert_int_equal(rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC).moved, MIGRATE_BATCH);
	sim_settle();
	assert_int_equal(host.posts[HOSTCOMM_SWAP] - before, 1);
	assert_int_equal(fake_host_unanswered(), 1);
	fake_host_answer_all();
	assert_int_equal(host.posts[HOSTCOMM_DEFLATE], 0);
	rig_check_quiet();
}

static void test_an_arriving_page_is_neither_isolated_nor_deflated(void **state)
{
	LIST_HEAD(isolated);

	rig_settled(50);
	assert_int_equal(rig_move_oldest(50, MIGRATE_ASYNC).moved, 50);
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		assert_false(vm_isolate(&vm_frames[i], MIGRATE_SYNC, &isolated));
	rig_target(0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 50);
	assert_int_equal(rig->pages.pending, 50);
	fake_host_answer_all();
	sim_advance(HZ);
	fake_host_answer_all();
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

static void test_a_moved_page_moves_again(void **state)
{
	rig_settled(40);
	for (int round = 0; round < 30; round++) {
		assert_int_equal(rig_move_oldest(40, MIGRATE_ASYNC).moved, 40);
		sim_advance(2);
		fake_host_answer_all();
		rig_check_quiet();
	}
	assert_int_equal(vm_events[BALLOON_MIGRATE], 1200);
}

static void test_busy_while_the_host_has_every_batch(void **state)
{
	struct vm_result r;
	unsigned int moved = 0;

	rig_settled(2000);
	for (int i = 0; i < MIGRATE_BATCHES; i++)
		moved += rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC).moved;
	assert_int_equal(moved, ALL_HELD);
	assert_int_equal(rig_moves_held(), ALL_HELD);
	r = rig_move_oldest(5, MIGRATE_ASYNC);
	assert_int_equal(r.moved, 0);
	/* Once a page, not ten times: trying again at once would not help. */
	assert_int_equal(r.calls, 5);
	assert_int_equal(r.failed, 5);
	assert_int_equal(rig->migrate.stats.busy, 5);
	rig_check();
	fake_host_answer_all();
	assert_int_equal(rig_moves_held(), 0);
	assert_int_equal(rig_move_oldest(5, MIGRATE_ASYNC).moved, 5);
	sim_advance(2);
	fake_host_answer_all();
	rig_check_quiet();
}

/* Answered, but nobody has read it: the callback reads it for itself. */
static void test_unread_answers_make_room(void **state)
{
	rig_settled(2000);
	for (int i = 0; i < MIGRATE_BATCHES; i++)
		rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
		fake_host_answer(vq, FAKE_HOST_RING);
	host.at_once = true;
	assert_int_equal(rig_move_oldest(1, MIGRATE_ASYNC).moved, 1);
	sim_advance(2);
	rig_check_quiet();
}

static int again_calls;

static void reopen_at_third(enum vm_point at, struct page *page)
{
	if (at != VM_MIGRATE_CALL)
		return;
	if (++again_calls == 1)
		rig->pages.closed = true;
	if (again_calls == 4)
		pages_open(&rig->pages);
}

static void test_again_while_closing_then_moved(void **state)
{
	struct vm_result r;
	LIST_HEAD(isolated);

	rig_settled(10);
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	again_calls = 0;
	vm_hook = reopen_at_third;
	r = vm_migrate(&isolated, MIGRATE_ASYNC);
	vm_hook = NULL;
	assert_int_equal(r.calls, 4);
	assert_int_equal(r.again, 3);
	assert_int_equal(r.moved, 1);
	sim_advance(2);
	fake_host_answer_all();
	rig_check_quiet();
}

static void compact_late(void *arg)
{
	struct list_head *isolated = arg;
	struct vm_result r;

	sim_sleep(20);
	r = vm_migrate(isolated, MIGRATE_ASYNC);
	sim_check(!r.moved && r.calls == 3 * 10, "%u moved in %u calls", r.moved, r.calls);
	vm_putback(isolated);
}

static void test_closing_while_isolated_ends_in_putback(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(10);
	rig_break_blocks();
	for (int i = 0; i < 3; i++)
		assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	sim_spawn("compactor", compact_late, &isolated);
	rig_remove();
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static struct page *far_frame(void)
{
	struct page *page = vm_alloc(VM_CORE);
	unsigned long tries = 100000;

	while (page_zone(page) == &vm_zone[0] && tries--) {
		put_page(page);
		page = vm_alloc(VM_CORE);
	}
	return page;
}

static void test_moves_across_zones_keep_managed_counts(void **state)
{
	rig_settled(500);
	vm_new_frame = far_frame;
	assert_int_equal(rig_move_oldest(200, MIGRATE_ASYNC).moved, 200);
	sim_advance(2);
	fake_host_answer_all();
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_a_move_is_told_and_then_the_old_frame_is_free),
		with_rig(test_inflate_is_acknowledged_before_deflate),
		with_ops(test_a_batch_is_one_request),
		both(test_an_arriving_page_is_neither_isolated_nor_deflated),
		both(test_a_moved_page_moves_again),
		both(test_busy_while_the_host_has_every_batch),
		both(test_unread_answers_make_room),
		both(test_again_while_closing_then_moved),
		both(test_closing_while_isolated_ends_in_putback),
		both(test_moves_across_zones_keep_managed_counts),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
