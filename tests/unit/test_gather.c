// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The job that gathers the balloon into whole blocks, by itself and in its own
 * time: what it gains, that it gives up where nothing is to be gained, and that
 * it is out of the way of memory that goes offline.
 */
#include <linux/memory.h>

#include "rig.h"

#define SIZE	RIG_SCATTERED

static struct notifier_block *memory;

int register_memory_notifier(struct notifier_block *nb)
{
	memory = nb;
	return 0;
}

void unregister_memory_notifier(struct notifier_block *nb)
{
	assert_ptr_equal(memory, nb);
	memory = NULL;
}

static const struct gather_stats *stats(void)
{
	return &rig->gather.stats;
}

/* All but what is too little for a block in each zone. */
static void assert_gathered(void)
{
	assert_true(rig->pages.whole + VM_ZONES * RIG_BLOCK > pages_size(&rig->pages));
}

static void check_books(void)
{
	rig_check_quiet();
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_given(), SIZE);
}

/* A scattered balloon; the job is kept away until then. */
static int open_fragmented(void **state)
{
	rig_open_ops(state);
	memory->notifier_call(memory, MEM_GOING_OFFLINE, NULL);
	rig_fragment();
	return 0;
}

/* The job may look, and single pages come, which has it do so. */
static void stir(void)
{
	memory->notifier_call(memory, MEM_CANCEL_OFFLINE, NULL);
	rig_target(SIZE - 1);
	sim_advance(2);
	rig_target(SIZE);
	sim_advance(2);
}

static void test_the_balloon_is_gathered(void **state)
{
	stir();
	sim_advance(60 * HZ);
	assert_gathered();
	assert_true(stats()->blocks >= SIZE / RIG_BLOCK - VM_ZONES);
	check_books();
}

/* Nothing can be moved: each failure shrinks the balloon, which the worker makes up for. */
static void test_it_gives_up_for_longer_and_longer(void **state)
{
	unsigned long first, posts;

	rig_guest_stays();
	stir();
	sim_advance(60 * HZ);
	first = stats()->failed;
	assert_true(first > 0);
	posts = host.posts[HOSTCOMM_DEFLATE];
	sim_advance(600 * HZ);
	/* At most once more around, where it had been around four times. */
	assert_in_range(stats()->failed, first, 2 * first);
	assert_in_range(host.posts[HOSTCOMM_DEFLATE] - posts, 0, first);
	check_books();
}

/* Nor is a block that just failed tried again for each other wish of the host's. */
static void test_a_failed_block_is_remembered(void **state)
{
	rig_guest_stays();
	stir();
	for (unsigned long i = 1; i <= 40; i++) {
		rig_target(SIZE + i);
		sim_advance(5 * HZ);
	}
	assert_in_range(stats()->failed, 1, vm_nr_frames / RIG_BLOCK);
	rig_target(SIZE);
	sim_advance(2 * HZ);
	check_books();
}

static void test_a_new_wish_is_not_waited_with(void **state)
{
	rig_guest_stays();
	stir();
	/* By now it waits for minutes. */
	sim_advance(120 * HZ);
	rig_guest_moves();
	rig_target(2 * SIZE);
	sim_advance(30 * HZ);
	/* All but what lies in blocks that failed just now. */
	assert_true(stats()->blocks >= SIZE / RIG_BLOCK);
	rig_target(SIZE);
	sim_advance(30 * HZ);
	check_books();
}

static void test_no_memory_for_a_look(void **state)
{
	stir();
	/* What came is published by then. */
	sim_advance(HZ / 10);
	sim_allocs_left = 0;
	sim_advance(HZ);
	sim_allocs_left = -1;
	assert_int_equal(stats()->blocks, 0);
	sim_advance(60 * HZ);
	assert_gathered();
	check_books();
}

static void test_memory_goes_offline(void **state)
{
	unsigned long before;

	stir();
	assert_int_equal(memory->notifier_call(memory, MEM_GOING_OFFLINE, NULL), NOTIFY_OK);
	before = stats()->blocks;
	sim_advance(400 * HZ);
	assert_int_equal(stats()->blocks, before);
	assert_int_equal(memory->notifier_call(memory, MEM_CANCEL_OFFLINE, NULL), NOTIFY_OK);
	sim_advance(400 * HZ);
	assert_gathered();
	check_books();
}

static void test_asleep_and_removed(void **state)
{
	stir();
	rig_sleep();
	assert_int_equal(rig_wake(true), 0);
	sim_advance(60 * HZ);
	assert_gathered();
	check_books();
	rig_break_blocks();
	rig_remove();
	assert_null(memory);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

#define fragmented(test) \
	cmocka_unit_test_setup_teardown(test, open_fragmented, rig_close_scattered)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fragmented(test_the_balloon_is_gathered),
		fragmented(test_it_gives_up_for_longer_and_longer),
		fragmented(test_a_failed_block_is_remembered),
		fragmented(test_a_new_wish_is_not_waited_with),
		fragmented(test_no_memory_for_a_look),
		fragmented(test_memory_goes_offline),
		fragmented(test_asleep_and_removed),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
