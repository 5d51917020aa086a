// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits for the host when a page moves, and for how long (I5, I6): nobody
 * but MIGRATE_SYNC, and that not for ever.  The machine fails any sleep in the
 * other modes; here is what the waits are good for and what ends them.
 */
#include "rig.h"

/* How long migrate.c waits for a host that does not answer. */
#define PATIENCE	(HZ / 2)

/* As many moves as can wait for the host. */
static void fill_batches(void)
{
	for (int i = 0; i < MIGRATE_BATCHES; i++)
		rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
}

/* Answers each request some ticks after it came, for so many ticks. */
static void slow_host(void *arg)
{
	for (unsigned long end = jiffies + 2 * HZ; time_before(jiffies, end);) {
		sim_sleep(3);
		for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
			fake_host_answer(vq, 1);
	}
}

static void test_sync_callers_find_the_frames_free(void **state)
{
	struct vm_result r;
	struct page *first;

	rig_settled(1024);
	/* A range full of ballooned pages, as compaction left it. */
	for (first = vm_frames; !first->offline; first += 64)
		;
	sim_spawn("host", slow_host, NULL);
	assert_int_equal(vm_contig(first, 64, &r), 0);
	assert_int_equal(r.moved, 64);
	assert_int_equal(rig->migrate.stats.waits, 1);
	sim_join();
	rig_check_quiet();
}

static void test_sync_flushes_at_the_last_isolated_page(void **state)
{
	rig_settled(100);
	sim_spawn("host", slow_host, NULL);
	assert_int_equal(rig_move_oldest(20, MIGRATE_SYNC).moved, 20);
	/* Not in two, nor page by page. */
	assert_int_equal(rig->migrate.stats.batches, 1);
	assert_int_equal(rig_moves_held(), 0);
	assert_int_equal(vm_count(VM_BALLOON), 100);
	sim_join();
	rig_check_quiet();
}

/* Nor do they wait for company: with a quick host no time passes. */
static void test_sync_callers_do_not_linger(void **state)
{
	unsigned long before;

	rig_settled(100);
	host.at_once = true;
	before = jiffies;
	assert_int_equal(rig_move_oldest(20, MIGRATE_SYNC).moved, 20);
	assert_int_equal(jiffies, before);
	assert_int_equal(rig_moves_held(), 0);
	rig_check_quiet();
}

static void test_a_silent_host_ends_the_wait_not_the_move(void **state)
{
	unsigned long before;

	rig_settled(100);
	before = jiffies;
	assert_int_equal(rig_move_oldest(20, MIGRATE_SYNC).moved, 20);
	assert_in_range(jiffies - before, PATIENCE, PATIENCE + 2);
	assert_int_equal(rig_moves_held(), 20);
	rig_check();
	fake_host_answer_all();
	rig_check_quiet();
}

static void test_sync_waits_for_a_batch_but_not_for_ever(void **state)
{
	unsigned long before;
	struct vm_result r;

	rig_settled(2000);
	fill_batches();
	before = jiffies;
	r = rig_move_oldest(1, MIGRATE_SYNC);
	assert_int_equal(r.moved, 0);
	assert_int_equal(r.calls, 1);
	assert_in_range(jiffies - before, PATIENCE, PATIENCE + 2);
	/* Nor a second time while the host stays silent. */
	before = jiffies;
	assert_int_equal(rig_move_oldest(1, MIGRATE_SYNC).moved, 0);
	assert_int_equal(jiffies, before);
	fake_host_answer_all();
	fill_batches();
	sim_spawn("host", slow_host, NULL);
	before = jiffies;
	assert_int_equal(rig_move_oldest(1, MIGRATE_SYNC).moved, 1);
	assert_in_range(jiffies - before, 1, PATIENCE);
	sim_join();
	rig_check_quiet();
}

/* ASYNC and SYNC_LIGHT with a silent host: no time passes at all. */
static void test_others_never_wait(void **state)
{
	unsigned long before;

	rig_settled(2000);
	before = jiffies;
	for (int i = 0; i < MIGRATE_BATCHES; i++)
		rig_move_oldest(MIGRATE_BATCH, i % 2 ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT);
	rig_move_oldest(20, MIGRATE_ASYNC);
	rig_move_oldest(20, MIGRATE_SYNC_LIGHT);
	assert_int_equal(jiffies, before);
	assert_int_equal(rig->migrate.stats.waits, 0);
	fake_host_answer_all();
	rig_check_quiet();
}

static void mover(void *arg)
{
	struct vm_result *r = arg;

	*r = rig_move_oldest(10, MIGRATE_SYNC);
}

/* Sleeps for the host with all that it moved. */
static void spawn_mover(struct vm_result *r)
{
	rig_settled(100);
	sim_spawn("compactor", mover, r);
	sim_settle();
	assert_int_equal(rig_moves_held(), 10);
}

/* Removal comes while a callback sleeps for the host: it must outlive that. */
static void test_removal_while_a_callback_waits(void **state)
{
	struct vm_result r = {};

	spawn_mover(&r);
	rig_remove();
	sim_join();
	assert_int_equal(r.moved, 10);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_while_a_callback_waits_for_a_batch(void **state)
{
	struct vm_result r = {};

	rig_settled(2000);
	fill_batches();
	sim_spawn("compactor", mover, &r);
	sim_settle();
	rig_remove();
	sim_join();
	assert_int_equal(r.moved, 0);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static unsigned int traced;

/* The last move of a full batch: its CPU is taken away before it is sent. */
static void hold_up_at_full(const char *name)
{
	if (strcmp(name, "virtio_balloon_migrate") || ++traced != MIGRATE_BATCH)
		return;
	sim_sleep(20 * HZ);
}

static void batch_mover(void *arg)
{
	struct vm_result *r = arg;

	*r = rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
}

static void removal_while_held_up(bool dead)
{
	struct vm_result r = {};

	rig_settled(600);
	traced = 0;
	sim_trace_hook = hold_up_at_full;
	sim_spawn("compactor", batch_mover, &r);
	sim_settle();
	assert_int_equal(traced, MIGRATE_BATCH);
	host.broken = dead;
	rig_remove();
	sim_join();
	assert_int_equal(r.moved, MIGRATE_BATCH);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_while_a_callback_is_held_up(void **state)
{
	removal_while_held_up(false);
}

static void test_removal_of_a_dead_device_while_a_callback_is_held_up(void **state)
{
	removal_while_held_up(true);
}

/* A device that is known to be dead is removed at once: sooner than the callback. */
static void test_removal_of_a_dead_device_while_a_callback_waits(void **state)
{
	struct vm_result r = {};
	unsigned long before;

	spawn_mover(&r);
	host.broken = true;
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 0, PATIENCE + 2);
	sim_join();
	assert_int_equal(r.moved, 10);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_a_broken_device_is_not_waited_for(void **state)
{
	unsigned long before;

	rig_settled(100);
	host.broken = true;
	before = jiffies;
	assert_int_equal(rig_move_oldest(10, MIGRATE_SYNC).moved, 0);
	assert_int_equal(jiffies, before);
	rig_check();
}

static void answer_on_return(enum vm_point at, struct page *page)
{
	if (at == VM_MIGRATE_RETURNED)
		fake_host_answer_all();
}

/* The answers come before the core has let go of the pages. */
static void test_answers_before_the_core_is_done(void **state)
{
	rig_settled(600);
	vm_hook = answer_on_return;
	assert_int_equal(rig_move_oldest(MIGRATE_BATCH + 3, MIGRATE_ASYNC).moved,
			 MIGRATE_BATCH + 3);
	vm_hook = NULL;
	sim_advance(2);
	fake_host_answer_all();
	rig_check_quiet();
}

static void no_other_work(enum vm_point at, struct page *page)
{
	if (at == VM_MIGRATE_RETURNED)
		assert_int_equal(pages_size(&rig->pages), 2000);
}

/*
 * Answers wait to be read, of the batches and of an inflate. The callback needs a batch,
 * and reads; what an inflate's answer asks for is not done under the locks of its pages.
 */
static void test_a_callback_does_nobody_elses_work(void **state)
{
	rig_settled(2000);
	fill_batches();
	rig_target(2100);
	sim_settle();
	sim_odds(0);
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
		fake_host_answer(vq, FAKE_HOST_RING);
	vm_hook = no_other_work;
	/* By the standard queues a batch has a second way to go. */
	assert_int_equal(rig_move_oldest(1, MIGRATE_ASYNC).moved,
			 rig_move_op() == HOSTCOMM_SWAP);
	vm_hook = NULL;
	sim_settle();
	assert_int_equal(pages_size(&rig->pages), 2100);
	sim_advance(2);
	fake_host_answer_all();
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_sync_callers_find_the_frames_free),
		both(test_sync_flushes_at_the_last_isolated_page),
		both(test_sync_callers_do_not_linger),
		both(test_a_silent_host_ends_the_wait_not_the_move),
		both(test_sync_waits_for_a_batch_but_not_for_ever),
		both(test_others_never_wait),
		both(test_removal_while_a_callback_waits),
		both(test_removal_while_a_callback_waits_for_a_batch),
		both(test_removal_of_a_dead_device_while_a_callback_waits),
		both(test_removal_while_a_callback_is_held_up),
		both(test_removal_of_a_dead_device_while_a_callback_is_held_up),
		both(test_a_broken_device_is_not_waited_for),
		both(test_answers_before_the_core_is_done),
		both(test_a_callback_does_nobody_elses_work),
	};

	return cmocka_run_group_tests_name("migrate_wait", tests, NULL, NULL);
}
