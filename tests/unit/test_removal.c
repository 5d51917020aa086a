// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Beginning and end of the device: hosts that are silent or dead at the worst
 * moment of a removal, a start after a stop, and a probe that runs out of memory
 * at every step (I6).
 */
#include "rig.h"

/* What resize.c grants a host at the end, twice at most. */
#define FAREWELL	(5 * HZ)

static void test_removal_with_a_host_that_answers(void **state)
{
	unsigned long before = jiffies;

	rig_inflate(5000);
	rig_publish_blocks();
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 0, 2);
	assert_int_equal(rig_given(), 0);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

/* Whatever state inflating and deflating are in when the host falls silent. */
static void removal_is_bounded(unsigned long answers_before)
{
	unsigned long before;

	host.at_once = false;
	rig_target(4000);
	sim_settle();
	while (answers_before--)
		for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
			if (fake_host_answer(vq, 1))
				sim_settle();
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 0, 2 * FAREWELL + HZ);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_removal_with_a_silent_host(void **state)
{
	removal_is_bounded(0);
}

static void test_removal_with_a_host_that_falls_silent(void **state)
{
	removal_is_bounded(1);
}

static void test_removal_with_a_host_silent_at_the_end(void **state)
{
	removal_is_bounded(2);
}

static void die_later(void *arg)
{
	sim_sleep(HZ);
	host.broken = true;
}

static void test_removal_while_the_host_dies(void **state)
{
	unsigned long before;

	rig_inflate(4000);
	host.at_once = false;
	rig_target(100);
	sim_settle();
	sim_spawn("host", die_later, NULL);
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 0, 2 * FAREWELL + HZ);
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void answer_slowly(void *arg)
{
	while (rig) {
		sim_sleep(4 * HZ);
		for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
			fake_host_answer(vq, 1);
	}
}

/* Each answer comes in time, all of them together do not. */
static void test_removal_with_a_slow_host(void **state)
{
	unsigned long before;

	rig_stop();
	rig_start(sim_seed(1), 0, 65536, 0);
	rig_inflate(56000);
	host.at_once = false;
	sim_spawn("host", answer_slowly, NULL);
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 10 * HZ, 6 * FAREWELL + 2 * FAREWELL + HZ);
	sim_join();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_restart_begins_at_nothing(void **state)
{
	LIST_HEAD(isolated);

	rig_inflate(3000);
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_probe();
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 3000);
	rig_break_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	assert_int_equal(vm_migrate(&isolated, MIGRATE_ASYNC).moved, 1);
	sim_advance(2);
	rig_check_quiet();
}

static void test_probe_again(void **state)
{
	for (int i = 0; i < 3; i++) {
		rig_inflate(2000);
		rig_remove();
		assert_int_equal(vm_count(VM_BALLOON), 0);
		rig_probe();
		sim_advance(HZ);
	}
}

/* Each allocation of the probe fails once: nothing is left behind. */
static void test_probe_out_of_memory(void **state)
{
	int fails = 0;

	rig_remove();
	for (int i = 0; ; i++) {
		int err;

		sim_allocs_left = i;
		err = rig_try_probe();
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(rig_oom);
		fails++;
	}
	sim_allocs_left = -1;
	assert_true(fails > 10);
	rig_inflate(100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_removal_with_a_host_that_answers),
		both(test_removal_with_a_silent_host),
		both(test_removal_with_a_host_that_falls_silent),
		both(test_removal_with_a_host_silent_at_the_end),
		both(test_removal_while_the_host_dies),
		with_rig(test_removal_with_a_slow_host),
		both(test_restart_begins_at_nothing),
		both(test_probe_again),
		both(test_probe_out_of_memory),
	};

	return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
