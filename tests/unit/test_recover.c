// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that come back from a reset other than they were, or not at all, and
 * such that ask for one: the balloon stays where it can, else every page is the
 * guest's again, and a device that is there has a driver that works.
 */
#include "rig.h"

#define OPS	(1ULL << VIRTIO_BALLOON_F_PAGE_OPS)
#define ON_OOM	(1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM)

static void works_with(unsigned long pages)
{
	LIST_HEAD(isolated);

	sim_advance(2 * HZ);
	assert_non_null(rig);
	assert_int_equal(pages_size(&rig->pages), pages);
	assert_int_equal(vm_count(VM_BALLOON), pages);
	assert_int_equal(rig_given(), pages);
	assert_int_equal(rig->hostcomm.ops->swap, !!(rig_offered & OPS));
	rig_break_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	assert_int_equal(vm_migrate(&isolated, MIGRATE_ASYNC).moved, 1);
	sim_advance(2);
	rig_check_quiet();
}

/* Another host wakes the guest up.  Some devices refuse features, some drop them. */
static void test_another_device(void **state)
{
	static const u64 features[] = { OPS, 0, OPS | ON_OOM, 0, ON_OOM, OPS };

	rig_wanted = OPS | ON_OOM;
	rig_inflate(3000);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(features); i++) {
		bool other = features[i / 2] != rig_offered;

		rig_strict = i % 2;
		rig_sleep();
		assert_int_equal(vm_count(VM_BALLOON), 3000);
		rig_offered = features[i / 2];
		assert_int_equal(rig_wake(true), other ? -ENODEV : 0);
		works_with(3000);
		if (i == ARRAY_SIZE(features))
			rig_publish_blocks();
	}
}

/* The transport gives up before it asks the driver. */
static void test_no_device_comes_back(void **state)
{
	rig_inflate(3000);
	rig_sleep();
	assert_int_equal(vm_count(VM_BALLOON), 3000);
	assert_int_equal(rig_wake(false), -EIO);
	/* What was only unreachable for a moment is there again. */
	works_with(3000);
	rig_sleep();
	rig_gone = true;
	assert_int_equal(rig_wake(false), -EIO);
	sim_advance(HZ);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	assert_null(rig);
}

/* Pulled or unbound before anybody noticed. */
static void test_removed_before_it_is_noticed(void **state)
{
	for (int gone = 0; gone < 2; gone++) {
		rig_inflate(3000);
		rig_sleep();
		rig_gone = gone;
		assert_int_equal(rig_wake(false), -EIO);
		rig_remove();
		assert_int_equal(vm_count(VM_BALLOON), 0);
		rig_gone = false;
		rig_probe();
		sim_advance(HZ);
	}
}

static void test_asleep_again_without_a_device(void **state)
{
	rig_inflate(3000);
	rig_sleep();
	host.no_queues = true;
	assert_true(rig_wake(true) < 0);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_sleep();
	host.no_queues = false;
	assert_true(rig_wake(true) == 0);
	works_with(3000);
}

/* Nor is there memory for asking the driver core: the guest has all all the same. */
static void test_no_memory(void **state)
{
	rig_inflate(3000);
	rig_sleep();
	assert_int_equal(rig_wake(false), -EIO);
	sim_allocs_left = 0;
	sim_advance(HZ);
	sim_allocs_left = -1;
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_remove();
	rig_probe();
	works_with(3000);
}

static void test_the_device_asks_for_a_reset(void **state)
{
	for (int blocks = 0; blocks < 2; blocks++) {
		unsigned int resets = rig_resets, deflates = host.posts[HOSTCOMM_DEFLATE];
		struct virtio_balloon *before = rig;
		unsigned long told;

		rig_inflate(3000);
		if (blocks)
			rig_publish_blocks();
		sim_advance(11 * HZ);
		told = host.pages[HOSTCOMM_INFLATE];
		rig_needs_reset();
		sim_settle();
		assert_true(rig_resets > resets);
		assert_ptr_equal(rig, before);
		assert_int_equal(host.posts[HOSTCOMM_DEFLATE], deflates);
		assert_int_equal(host.pages[HOSTCOMM_INFLATE], told + 3000);
		works_with(3000);
		assert_int_equal(rig_get_status(&rig_vdev) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	}
}

/* Asked in the middle of things, with a host that says nothing since. */
static void test_a_reset_on_the_way(void **state)
{
	rig_inflate(2000);
	sim_advance(11 * HZ);
	host.at_once = false;
	rig_target(3000);
	sim_settle();
	rig_needs_reset();
	sim_advance(6 * HZ);
	host.at_once = true;
	fake_host_answer_all();
	works_with(3000);
}

static void test_a_reset_that_brings_another_device(void **state)
{
	rig_inflate(3000);
	rig_wanted = OPS;
	sim_advance(11 * HZ);
	rig_offered ^= OPS;
	rig_needs_reset();
	works_with(3000);
}

/* One that asks again and again is not reset all day. */
static void test_resets_are_not_endless(void **state)
{
	unsigned int before = rig_resets;

	rig_inflate(1000);
	for (int i = 0; i < 600; i++) {
		rig_needs_reset();
		sim_advance(HZ / 10);
	}
	/* Each is two: one by us, one by the virtio core. */
	assert_in_range(rig_resets - before, 2, 2 * 7);
	sim_advance(10 * HZ);
	works_with(1000);
}

/* The driver may go, or the system sleep, at the moment that the device asks. */
static void test_a_reset_beside_others(void **state)
{
	rig_inflate(3000);
	rig_sleep();
	rig_needs_reset();
	sim_advance(HZ);
	assert_int_equal(rig_wake(true), 0);
	works_with(3000);
	sim_advance(11 * HZ);
	rig_needs_reset();
	rig_remove();
	/* And before it is over. */
	rig_probe();
	rig_inflate(3000);
	sim_advance(11 * HZ);
	host.at_once = false;
	rig_target(3500);
	rig_needs_reset();
	sim_settle();
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_another_device),
		both(test_no_device_comes_back),
		both(test_removed_before_it_is_noticed),
		both(test_asleep_again_without_a_device),
		both(test_no_memory),
		both(test_the_device_asks_for_a_reset),
		both(test_a_reset_on_the_way),
		both(test_a_reset_that_brings_another_device),
		both(test_resets_are_not_endless),
		both(test_a_reset_beside_others),
	};

	return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
