// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host that refuses with page ops: nothing is lost, nothing is freed that it
 * may still take for ballooned, and what it did before it refused holds.
 */
#include "rig.h"

static void refuse(enum hostcomm_op op, unsigned int times, unsigned int after)
{
	host.refuse = times;
	host.refuse_op = op;
	host.refuse_after = after;
	host.refuse_err = -EBADSLT;
}

static void test_inflate_refused(void **state)
{
	refuse(HOSTCOMM_INFLATE, 1, 0);
	host.refuse_err = -EAGAIN;
	rig_target(500);
	sim_settle();
	assert_int_equal(host.refuse, 0);
	assert_int_equal(vm_count(VM_BALLOON), 0);
	rig_check_quiet();
	/* Tried again, but not at once. */
	sim_advance(10 * HZ);
	assert_int_equal(pages_size(&rig->pages), 500);
	assert_int_equal(rig_given(), 500);
	rig_check_quiet();
}

/* What the host took is the balloon's, the rest is the guest's again. */
static void test_inflate_partly_done(void **state)
{
	struct page *guest[64];
	unsigned long size;

	/* Scattered, for several operations in a request. */
	for (int i = 0; i < 64; i++)
		guest[i] = vm_alloc(VM_GUEST);
	refuse(HOSTCOMM_INFLATE, 1, 1);
	host.refuse_err = -EAGAIN;
	rig_target(3000);
	sim_settle();
	assert_int_equal(host.refuse, 0);
	size = pages_size(&rig->pages);
	assert_in_range(size, 1, 2999);
	rig_check_quiet();
	sim_advance(10 * HZ);
	assert_int_equal(pages_size(&rig->pages), 3000);
	rig_check_quiet();
	for (int i = 0; i < 64; i++)
		put_page(guest[i]);
}

static void test_deflate_refused(void **state)
{
	rig_inflate(500);
	rig_break_blocks();
	refuse(HOSTCOMM_DEFLATE, 1, 0);
	rig_target(100);
	sim_settle();
	assert_int_equal(pages_size(&rig->pages), 500);
	rig_check_quiet();
	sim_advance(10 * HZ);
	assert_int_equal(pages_size(&rig->pages), 100);
	rig_check_quiet();
}

static void test_deflate_partly_done(void **state)
{
	rig_inflate(2000);
	rig_publish_blocks();
	refuse(HOSTCOMM_DEFLATE, 1, 1);
	rig_target(0);
	sim_settle();
	assert_int_equal(host.refuse, 0);
	rig_check_quiet();
	sim_advance(10 * HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	rig_check_quiet();
}

/* Removal asks once; what is refused is freed after the reset. */
static void test_removal_while_deflates_are_refused(void **state)
{
	rig_inflate(2000);
	refuse(HOSTCOMM_DEFLATE, 1000000, 0);
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

/* A refusal of what was asked for before does not hold up what is asked for now. */
static void test_deflate_after_a_refused_inflate(void **state)
{
	host.at_once = false;
	rig_target(5000);
	sim_settle();
	rig_target(100);
	sim_settle();
	fake_host_answer(HOSTCOMM_VQ_OPS, 1);
	refuse(HOSTCOMM_INFLATE, 1, 0);
	host.refuse_err = -EAGAIN;
	fake_host_answer(HOSTCOMM_VQ_OPS, 1);
	host.at_once = true;
	sim_advance(HZ / 10);
	assert_int_equal(host.refuse, 0);
	assert_int_equal(pages_size(&rig->pages), 100);
	rig_check_quiet();
}

static void swap_refused_after(unsigned int k)
{
	rig_inflate(500);
	rig_break_blocks();
	host.at_once = false;
	assert_int_equal(rig_move_oldest(40, MIGRATE_ASYNC).moved, 40);
	sim_advance(2);
	refuse(HOSTCOMM_SWAP, 1, k);
	fake_host_answer_all();
	/* Whatever a refusal has to wait for. */
	sim_advance(HZ);
	assert_int_equal(host.refuse, 0);
	assert_int_equal(rig->migrate.stats.refused, 40 - k);
	assert_int_equal(pages_size(&rig->pages), 500);
	rig_check_quiet();
	/* And all of them can still move. */
	host.at_once = true;
	assert_int_equal(rig_move_oldest(400, MIGRATE_ASYNC).failed, 0);
	sim_advance(2);
	rig_check_quiet();
}

static void test_swap_refused(void **state)
{
	swap_refused_after(0);
}

static void test_swap_refused_half_way(void **state)
{
	swap_refused_after(17);
}

static struct page *near_or_far(void)
{
	struct page *page = vm_alloc(VM_CORE);

	while (page_zone(page) == &vm_zone[0]) {
		put_page(page);
		page = vm_alloc(VM_CORE);
	}
	return page;
}

static void test_swap_across_zones_refused(void **state)
{
	vm_new_frame = near_or_far;
	swap_refused_after(3);
	for (int z = 0; z < VM_ZONES; z++) {
		long ballooned = 0;

		for (unsigned long i = 0; i < vm_nr_frames; i++)
			ballooned += vm_frames[i].owner == VM_BALLOON &&
				     page_zone(&vm_frames[i]) == &vm_zone[z];
		assert_int_equal(vm_zone[z].managed + ballooned, vm_nr_frames / VM_ZONES);
	}
}

/* The refusal is read while the core still has both pages in hand. */
static void refused_in_callback(enum migrate_mode mode)
{
	rig_inflate(500);
	rig_break_blocks();
	refuse(HOSTCOMM_SWAP, 1, 4);
	rig_move_oldest(10, mode);
	sim_advance(HZ);
	assert_int_equal(host.refuse, 0);
	assert_int_equal(pages_size(&rig->pages), 500);
	rig_check_quiet();
	assert_int_equal(rig_move_oldest(400, MIGRATE_ASYNC).failed, 0);
	sim_advance(2);
	rig_check_quiet();
}

static void test_swap_refused_while_a_sync_caller_waits(void **state)
{
	refused_in_callback(MIGRATE_SYNC);
}

static void flush_on_return(enum vm_point at, struct page *page)
{
	if (at == VM_MIGRATE_RETURNED && host.refuse) {
		migrate_flush(&rig->migrate);
		sim_settle();
	}
	/* Long enough for whatever waits a little before it undoes the move. */
	if (at == VM_MIGRATE_RETURNED || at == VM_MIGRATE_UNLOCKED)
		sim_advance(3);
}

static void test_swap_refused_before_the_core_is_done(void **state)
{
	rig_inflate(500);
	rig_break_blocks();
	vm_hook = flush_on_return;
	refuse(HOSTCOMM_SWAP, 1, 0);
	rig_move_oldest(10, MIGRATE_ASYNC);
	vm_hook = NULL;
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 500);
	rig_check_quiet();
}

static int open_oom(void **state)
{
	rig_start(sim_seed(1), 0, 8192,
		  1ULL << VIRTIO_BALLOON_F_PAGE_OPS | 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	return 0;
}

static void test_oom_deflate_partly_done(void **state)
{
	unsigned long freed = 0;

	rig_inflate(4000);
	rig_publish_blocks();
	refuse(HOSTCOMM_DEFLATE, 1, 1);
	rig_oom->notifier_call(rig_oom, 0, &freed);
	sim_settle();
	assert_int_equal(host.refuse, 0);
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_ops(test_inflate_refused),
		with_ops(test_inflate_partly_done),
		with_ops(test_deflate_refused),
		with_ops(test_deflate_partly_done),
		with_ops(test_deflate_after_a_refused_inflate),
		with_ops(test_removal_while_deflates_are_refused),
		with_ops(test_swap_refused),
		with_ops(test_swap_refused_half_way),
		with_ops(test_swap_across_zones_refused),
		with_ops(test_swap_refused_while_a_sync_caller_waits),
		with_ops(test_swap_refused_before_the_core_is_done),
		cmocka_unit_test_setup_teardown(test_oom_deflate_partly_done, open_oom, rig_close),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
