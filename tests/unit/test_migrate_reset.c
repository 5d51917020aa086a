// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device is reset and goes while moves are on their way: with a batch in
 * each state it can be in.  Nothing is lost, nothing is told after the reset.
 */
#include "rig.h"

/* Resets with a batch in each state it can be in. */
static void reset_with(unsigned int filling, int inflating, int deflating)
{
	rig_settled(2000);
	for (int i = 0; i < deflating; i++)
		rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
	/* Swaps know no such state: there they are done then. */
	fake_host_answer(rig->hostcomm.ops->swap ? HOSTCOMM_VQ_OPS : HOSTCOMM_VQ_INFLATE,
			 deflating);
	sim_settle();
	for (int i = 0; i < inflating; i++)
		rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
	if (filling)
		rig_move_oldest(filling, MIGRATE_ASYNC);
	rig_check();
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_reset_with_a_batch_filling(void **state)
{
	reset_with(7, 0, 0);
}

static void test_reset_with_batches_inflating(void **state)
{
	reset_with(0, 2, 0);
}

static void test_reset_with_batches_deflating(void **state)
{
	reset_with(0, 0, 3);
}

static void test_reset_with_batches_in_all_states(void **state)
{
	reset_with(9, 1, 2);
}

static void test_reset_of_a_broken_device(void **state)
{
	rig_settled(2000);
	rig_move_oldest(MIGRATE_BATCH, MIGRATE_ASYNC);
	rig_move_oldest(5, MIGRATE_ASYNC);
	host.broken = true;
	assert_int_equal(rig_move_oldest(5, MIGRATE_ASYNC).moved, 0);
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_reset_with_a_batch_filling),
		both(test_reset_with_batches_inflating),
		with_rig(test_reset_with_batches_deflating),
		both(test_reset_with_batches_in_all_states),
		both(test_reset_of_a_broken_device),
	};

	return cmocka_run_group_tests_name("migrate_reset", tests, NULL, NULL);
}
