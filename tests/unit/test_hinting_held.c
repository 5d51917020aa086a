// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks that were hinted: whose they are before the host's answer, after it,
 * under pressure and when the migration is over.
 */
#include "hinting_rig.h"

/* STOP alone lets go of nothing: the migration goes on. */
static void test_hinted_blocks_stay_until_done(void **state)
{
	(void)state;
	say(ID);
	say(STOP);
	sim_advance(HZ);
	assert_int_equal(vm_free_frames(), 0);
	say(DONE);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

/* Answers that come after the end of the migration, and long after. */
static void test_done_with_a_slow_device(void **state)
{
	(void)state;
	hints.at_once = false;
	say(ID);
	fake_queue_answer(&hints, 1);
	sim_settle();
	say(DONE);
	sim_advance(60 * HZ);
	while (fake_queue_answer(&hints, 1))
		sim_settle();
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

/* What goes back under pressure goes through the kernel's own free path. */
static void test_pressure_gets_answered_blocks_back(void **state)
{
	struct shrink_control sc = { .nr_to_scan = 1 };

	(void)state;
	say(ID);
	assert_int_equal(hinting_shrinker->count_objects(hinting_shrinker, &sc),
			 BLOCKS * BLOCK_PAGES);
	assert_int_equal(hinting_shrinker->scan_objects(hinting_shrinker, &sc), BLOCK_PAGES);
	assert_int_equal(vm_free_frames(), BLOCK_PAGES);
}

/* A write between hint and answer could be taken for older than the hint. */
static void test_an_unanswered_block_is_not_released(void **state)
{
	struct shrink_control sc = { .nr_to_scan = ~0UL };

	(void)state;
	hints.at_once = false;
	say(ID);
	fake_queue_answer(&hints, 1);
	sim_settle();
	assert_int_equal(hinting_shrinker->scan_objects(hinting_shrinker, &sc), SHRINK_STOP);
	assert_int_equal(vm_free_frames(), 0);
}

#define with_hinting(test) \
	cmocka_unit_test_setup_teardown(test, hinting_rig_open, hinting_rig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_hinting(test_hinted_blocks_stay_until_done),
		with_hinting(test_done_with_a_slow_device),
		with_hinting(test_pressure_gets_answered_blocks_back),
		with_hinting(test_an_unanswered_block_is_not_released),
	};

	return cmocka_run_group_tests_name("hinting_held", tests, NULL, NULL);
}
