// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Suspend with a balloon: it stays, is announced again after the reset, and
 * nothing of it moves or leaves before; also when the host is silent, the
 * target is another afterwards, or sleep comes again too soon.  Of devices that
 * are others afterwards, or none: test_recover.c.
 */
#include "rig.h"

#define FAREWELL	(5 * HZ)

static void sleep_with(unsigned long pages)
{
	unsigned long before = jiffies;

	rig_sleep();
	assert_in_range(jiffies - before, 0, 2);
	assert_int_equal(vm_count(VM_BALLOON), pages);
}

static void wake(void)
{
	assert_int_equal(rig_wake(true), 0);
}

static void awake_with(unsigned long pages)
{
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), pages);
	assert_int_equal(vm_count(VM_BALLOON), pages);
	assert_int_equal(rig_given(), pages);
	rig_check_quiet();
}

static void move_one(void)
{
	LIST_HEAD(isolated);

	rig_break_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	assert_int_equal(vm_migrate(&isolated, MIGRATE_ASYNC).moved, 1);
	sim_advance(2);
	rig_check_quiet();
}

static void test_the_balloon_stays(void **state)
{
	unsigned int deflates;

	for (int i = 0; i < 3; i++) {
		rig_inflate(3000);
		if (i)
			rig_publish_blocks();
		if (i == 2)
			rig_break_blocks();
		deflates = host.posts[HOSTCOMM_DEFLATE];
		sleep_with(3000);
		wake();
		awake_with(3000);
		assert_int_equal(host.posts[HOSTCOMM_DEFLATE], deflates);
		move_one();
	}
}

/* Hibernation leaves out what is marked offline, blocks that came just now included. */
static void test_no_page_goes_into_an_image(void **state)
{
	for (int again = 0; again < 2; again++) {
		rig_inflate(3000 + again);
		sleep_with(3000 + again);
		for (unsigned long i = 0; i < vm_nr_frames; i++)
			assert_true(vm_frames[i].owner != VM_BALLOON || vm_frames[i].offline);
		wake();
		awake_with(3000 + again);
	}
}

static void test_nothing_is_isolated_before_it_is_told(void **state)
{
	LIST_HEAD(isolated);
	struct page *page;

	rig_inflate(3000);
	rig_publish_blocks();
	rig_break_blocks();
	page = rig_listed(0);
	sleep_with(3000);
	/* The core would have it isolated, see test_core.c. */
	if (!vm_core_keeps)
		assert_false(vm_isolate(page, MIGRATE_SYNC, &isolated));
	host.at_once = false;
	wake();
	sim_settle();
	assert_false(vm_isolate(page, MIGRATE_SYNC, &isolated));
	fake_host_answer_all();
	host.at_once = true;
	awake_with(3000);
}

static void test_the_target_changed_meanwhile(void **state)
{
	static const unsigned long targets[] = { 1000, 4500, 0, 2000 };

	rig_inflate(3000);
	for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
		sleep_with(pages_size(&rig->pages));
		rig_target(targets[i]);
		wake();
		awake_with(targets[i]);
	}
}

/* Announced in part, all of it or nothing when it is time to sleep again. */
static void test_asleep_again_at_once(void **state)
{
	for (unsigned int answers = 0; answers < 4; answers++) {
		rig_inflate(5000);
		rig_publish_blocks();
		sleep_with(5000);
		host.at_once = false;
		wake();
		sim_settle();
		for (unsigned int i = 0; i < answers; i++)
			if (fake_host_answer(HOSTCOMM_VQ_INFLATE, 1) ||
			    fake_host_answer(HOSTCOMM_VQ_OPS, 1))
				sim_settle();
		rig_sleep();
		host.at_once = true;
		wake();
		awake_with(5000);
		move_one();
	}
}

static void test_removed_before_all_was_told(void **state)
{
	unsigned long before;

	rig_inflate(5000);
	sleep_with(5000);
	host.at_once = false;
	wake();
	sim_settle();
	before = jiffies;
	rig_remove();
	assert_in_range(jiffies - before, 0, 2 * FAREWELL + HZ);
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_a_silent_host(void **state)
{
	unsigned long before;

	rig_inflate(3000);
	host.at_once = false;
	rig_target(4000);
	sim_settle();
	before = jiffies;
	rig_sleep();
	assert_in_range(jiffies - before, FAREWELL, FAREWELL + HZ);
	assert_int_equal(vm_count(VM_BALLOON), 3000);
	host.at_once = true;
	wake();
	awake_with(4000);
}

/* Part of it is not RAM to the host that answers now: the guest's again, others in its place. */
static void test_not_all_is_taken_again(void **state)
{
	struct page *first = vm_frames;

	rig_inflate(3000);
	/* Somewhere that the balloon lies. */
	while (first->owner != VM_BALLOON)
		first++;
	first -= (first - vm_frames) % 2048;
	sleep_with(3000);
	host.not_ram[0] = first;
	host.not_ram[1] = &first[2047];
	wake();
	sim_advance(10 * HZ);
	assert_true(host.not_ram_asked > 0);
	awake_with(3000);
	for (int i = 0; i < 2048; i++)
		assert_int_equal(first[i].owner, VM_FREE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_the_balloon_stays),
		both(test_no_page_goes_into_an_image),
		both(test_nothing_is_isolated_before_it_is_told),
		both(test_the_target_changed_meanwhile),
		both(test_asleep_again_at_once),
		both(test_removed_before_all_was_told),
		both(test_a_silent_host),
		cmocka_unit_test_setup_teardown(test_not_all_is_taken_again, rig_open_ops,
						rig_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
