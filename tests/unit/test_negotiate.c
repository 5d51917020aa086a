// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the driver accepts of what it is offered (VIRTIO 1.4, 5.5.3): every mix of
 * the device's features with every kernel that leaves something in free pages.
 */
#include "rig.h"

#define BIT(n)		(1ULL << (n))
#define STANDARD	6	/* bits 0 to 5 */

static u64 negotiate(u64 offered)
{
	struct virtio_device vdev = {};

	rig_driver_wants(&vdev, offered);
	return vdev.features;
}

static void each(void (*rule)(u64 offered, u64 accepted))
{
	for (int kernel = 0; kernel < 3; kernel++) {
		sim_init_on_free = kernel == 1;
		sim_page_poisoning = kernel == 2;
		for (u64 bits = 0; bits < BIT(STANDARD); bits++) {
			rule(bits, negotiate(bits));
			bits |= BIT(VIRTIO_F_VERSION_1);
			rule(bits, negotiate(bits));
			bits &= ~BIT(VIRTIO_F_VERSION_1);
		}
	}
	sim_init_on_free = sim_page_poisoning = false;
}

static bool filled(void)
{
	return sim_init_on_free || sim_page_poisoning;
}

static void rule_nothing_of_its_own(u64 offered, u64 accepted)
{
	assert_int_equal(accepted & ~offered, 0);
}

static void rule_tell_host(u64 offered, u64 accepted)
{
	u64 bit = BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST);

	assert_int_equal(accepted & bit, offered & bit);
}

static void rule_poison(u64 offered, u64 accepted)
{
	u64 bit = BIT(VIRTIO_BALLOON_F_PAGE_POISON);

	assert_int_equal(accepted & bit, filled() ? offered & bit : 0);
}

/* Free pages that must keep what they hold are not shown to a device unless it knows. */
static void rule_reporting(u64 offered, u64 accepted)
{
	u64 bits = BIT(VIRTIO_BALLOON_F_REPORTING) | BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT);

	if (filled() && !(accepted & BIT(VIRTIO_BALLOON_F_PAGE_POISON)))
		assert_int_equal(accepted & bits, 0);
	else
		assert_int_equal(accepted & bits, offered & bits);
}

static void test_accepts_only_what_is_offered(void **state)
{
	(void)state;
	each(rule_nothing_of_its_own);
}

static void test_accepts_must_tell_host(void **state)
{
	(void)state;
	each(rule_tell_host);
}

static void test_poison_only_where_pages_are_filled(void **state)
{
	(void)state;
	each(rule_poison);
}

static void test_no_reporting_of_filled_pages_without_poison(void **state)
{
	(void)state;
	each(rule_reporting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts_only_what_is_offered),
		cmocka_unit_test(test_accepts_must_tell_host),
		cmocka_unit_test(test_poison_only_where_pages_are_filled),
		cmocka_unit_test(test_no_reporting_of_filled_pages_without_poison),
	};

	return cmocka_run_group_tests_name("negotiate", tests, rig_open, rig_close);
}
