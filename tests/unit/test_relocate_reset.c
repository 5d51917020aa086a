// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device is reset and goes while moves are on their way: with a batch in
 * each state it can be in.  Nothing is lost, nothing is told after the reset.
 */
#include "rig.h"

/* A balloon of single pages, then a host that answers when told. */
static void settled(unsigned long pages)
{
	rig_inflate(pages);
	rig_break_blocks();
	host.at_once = false;
}

/* Moves the oldest pages on the list, in clusters as compaction does. */
static struct vm_result move_oldest(unsigned int n, enum migrate_mode mode)
{
	struct vm_result r;
	LIST_HEAD(isolated);

	for (unsigned int i = 0; i < n; i++)
		assert_true(vm_isolate(rig_listed(0), mode, &isolated));
	r = vm_migrate(&isolated, mode);
	vm_putback(&isolated);
	return r;
}

/* Resets with a batch in each state it can be in. */
static void reset_with(unsigned int filling, int inflating, int deflating)
{
	settled(2000);
	for (int i = 0; i < deflating; i++)
		move_oldest(RELOCATE_BATCH, MIGRATE_ASYNC);
	/* Swaps know no such state: there they are done then. */
	fake_host_answer(rig->hostcomm.ops->swap ? HOSTCOMM_VQ_OPS : HOSTCOMM_VQ_INFLATE,
			 deflating);
	sim_settle();
	for (int i = 0; i < inflating; i++)
		move_oldest(RELOCATE_BATCH, MIGRATE_ASYNC);
	if (filling)
		move_oldest(filling, MIGRATE_ASYNC);
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
	settled(2000);
	move_oldest(RELOCATE_BATCH, MIGRATE_ASYNC);
	move_oldest(5, MIGRATE_ASYNC);
	host.broken = true;
	assert_int_equal(move_oldest(5, MIGRATE_ASYNC).moved, 0);
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

#define with_rig(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)
#define with_ops(test) { #test " (page ops)", test, rig_open_ops, rig_close, NULL }
#define both(test) with_rig(test), with_ops(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_reset_with_a_batch_filling),
		both(test_reset_with_batches_inflating),
		with_rig(test_reset_with_batches_deflating),
		both(test_reset_with_batches_in_all_states),
		both(test_reset_of_a_broken_device),
	};

	return cmocka_run_group_tests_name("relocate_reset", tests, NULL, NULL);
}
