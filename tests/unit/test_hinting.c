// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's half of free page hinting (VIRTIO 1.4, 5.5.6.5): what comes on
 * the queue for which command id. What becomes of the blocks: test_hinting_held.c.
 */
#include "hinting_rig.h"

static void test_nothing_unasked(void **state)
{
	(void)state;
	say(STOP);
	say(DONE);
	sim_advance(HZ);
	assert_int_equal(count_hints(0), 0);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

static void test_a_run_begins_with_its_id(void **state)
{
	(void)state;
	say(ID);
	assert_true(is_id(&hints.all[0], ID));
	assert_true(count_hints(0) > 0);
}

static void test_ids_are_four_bytes_and_alone(void **state)
{
	(void)state;
	say(ID);
	say(STOP);
	say(ID + 1);
	say(DONE);
	for (unsigned int i = 0; i < hints.nr; i++) {
		if (hints.all[i].out)
			id_in(&hints.all[i]);
	}
	assert_true(count_ids(ID) && count_ids(ID + 1) && count_ids(STOP));
}

/* However often the driver is told that something changed. */
static void test_the_id_is_said_once(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		say(ID);
	assert_int_equal(count_ids(ID), 1);
}

static void test_all_free_blocks_are_hinted(void **state)
{
	(void)state;
	say(ID);
	assert_int_equal(count_hints(0), BLOCKS);
	for (unsigned int i = 0; i < hints.nr; i++) {
		if (!hints.all[i].out)
			assert_int_equal(hints.all[i].bytes, BLOCK_PAGES << PAGE_SHIFT);
	}
}

static void test_a_run_ends_with_stop(void **state)
{
	(void)state;
	say(ID);
	assert_true(is_id(&hints.all[hints.nr - 1], STOP));
	assert_int_equal(count_ids(STOP), 1);
}

/* A device that has answered nothing yet is told all the same. */
static void test_a_slow_device_is_told_of_the_end(void **state)
{
	(void)state;
	hints.at_once = false;
	say(ID);
	assert_int_equal(fake_queue_answer(&hints, 1), 1);
	sim_advance(60 * HZ);
	assert_true(is_id(&hints.all[hints.nr - 1], STOP));
	fake_queue_answer(&hints, hints.nr);
	sim_settle();
	assert_int_equal(count_ids(STOP), 1);
}

/* A new target, say, is no reason to end a run. */
static void test_other_changes_do_not_end_a_run(void **state)
{
	(void)state;
	hints.at_once = false;
	hints.size = 3;
	say(ID);
	for (int i = 0; i < 40; i++) {
		fake_queue_answer(&hints, 1);
		say(ID);
	}
	assert_int_equal(count_hints(0), BLOCKS);
	assert_int_equal(count_ids(ID), 1);
	assert_int_equal(count_ids(STOP), 1);
}

static void ends_when_told(u32 what)
{
	unsigned int before;

	hints.at_once = false;
	hints.size = 3;
	say(ID);
	fake_queue_answer(&hints, 1);
	sim_settle();
	before = hints.nr;
	assert_in_range(count_hints(0), 1, BLOCKS - 1);
	say(what);
	while (fake_queue_answer(&hints, 1))
		sim_settle();
	assert_int_equal(count_hints(before), 0);
	assert_int_equal(count_ids(STOP), 1);
}

static void test_stop_ends_a_run(void **state)
{
	(void)state;
	ends_when_told(STOP);
}

static void test_done_ends_a_run(void **state)
{
	(void)state;
	ends_when_told(DONE);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

static void test_a_new_id_begins_a_new_run(void **state)
{
	unsigned int before;

	(void)state;
	say(ID);
	before = hints.nr;
	say(STOP);
	say(ID + 1);
	assert_true(is_id(&hints.all[before], ID + 1));
	assert_int_equal(count_hints(before), BLOCKS);
	assert_true(is_id(&hints.all[hints.nr - 1], STOP));
}

static void restart(u64 features)
{
	hinting_rig_stop();
	hinting_rig_start(features);
}

static void look(bool swapped)
{
	say(ID);
	assert_int_equal(sim_swap(swapped, id_in(&hints.all[0]), 4), ID);
}

static void test_byte_order(void **state)
{
	(void)state;
	fake_other_byte_order(restart, look);
}

#define with_hinting(test) \
	cmocka_unit_test_setup_teardown(test, hinting_rig_open, hinting_rig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_hinting(test_nothing_unasked),
		with_hinting(test_a_run_begins_with_its_id),
		with_hinting(test_ids_are_four_bytes_and_alone),
		with_hinting(test_the_id_is_said_once),
		with_hinting(test_all_free_blocks_are_hinted),
		with_hinting(test_a_run_ends_with_stop),
		with_hinting(test_a_slow_device_is_told_of_the_end),
		with_hinting(test_other_changes_do_not_end_a_run),
		with_hinting(test_stop_ends_a_run),
		with_hinting(test_done_ends_a_run),
		with_hinting(test_a_new_id_begins_a_new_run),
		with_hinting(test_byte_order),
	};

	return cmocka_run_group_tests_name("hinting", tests, NULL, NULL);
}
