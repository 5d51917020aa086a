// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The target and the size are told in 4 KiB units; what a guest with larger
 * pages makes of them, and the largest block that it takes.
 */
#include <linux/pageblock-flags.h>

#include "rig.h"

#define UNITS	BALLOON_UNITS_PER_PAGE

/* A page is in the balloon as a whole or not at all: rounded up, as the stock driver does. */
static void test_a_target_within_a_page(void **state)
{
	for (unsigned int more = 0; more < UNITS; more += 5) {
		host.at_once = true;
		rig_target_units(100 * UNITS + more);
		sim_advance(HZ);
		assert_int_equal(pages_size(&rig->pages), more ? 101 : 100);
		assert_int_equal(rig_given(), pages_size(&rig->pages));
	}
}

/* However large a block the guest's allocator has: 4 MiB. */
static void test_blocks_are_of_four_mib(void **state)
{
	assert_int_equal(PAGE_SIZE << BALLOON_MAX_ORDER, SZ_4M);
	rig_inflate(3000);
	rig_inflate(0);
}

/*
 * To claim a block the kernel takes the whole page block around it from its allocator: with
 * pages of 64 KiB that is 512 MiB.
 */
static void test_no_exchange_in_huge_page_blocks(void **state)
{
	bool small = pageblock_nr_pages <= RIG_BLOCK << 4;

	assert_int_equal(rig->gather.exchange.order, small ? ilog2(RIG_BLOCK) : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_a_target_within_a_page),
		both(test_blocks_are_of_four_mib),
		with_ops(test_no_exchange_in_huge_page_blocks),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
