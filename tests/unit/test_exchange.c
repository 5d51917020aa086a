// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exchanges one at a time: what a block costs, who pays for it, and that
 * nothing is lost where the kernel, the host or time says no.
 */
#include "rig.h"

#define SIZE	RIG_SCATTERED

static void assert_whole(struct page *first)
{
	for (unsigned int i = 0; i < RIG_BLOCK; i++)
		assert_int_equal(first[i].host, VM_HOST_IN);
	assert_int_equal(rig->pages.whole, RIG_BLOCK);
	assert_int_equal(rig->pages.listed, SIZE - RIG_BLOCK);
}

static void test_a_block_becomes_whole(void **state)
{
	struct page *first = rig_mixed_block();
	unsigned long free = vm_free_frames();

	assert_int_equal(rig_exchange(first), 0);
	assert_whole(first);
	/* No net allocation; nothing of it shows in the size. */
	assert_int_equal(vm_free_frames(), free);
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_given(), SIZE);
	rig_publish_blocks();
	rig_check_quiet();
	/* And is one for the guest's allocator when it goes. */
	rig_target(SIZE - RIG_BLOCK);
	sim_advance(HZ);
	assert_int_equal(rig->pages.whole, 0);
	rig_check_quiet();
}

/* Two zones: who lends to the balloon is right at each moment. */
static void test_zones_are_charged_for_what_they_lend(void **state)
{
	for (unsigned long b = 0; b < 8; b++) {
		struct page *first = &vm_frames[(b % 2 ? b : vm_nr_frames / RIG_BLOCK - 1 - b) *
						RIG_BLOCK];

		assert_int_equal(rig_exchange(first), 0);
		for (int z = 0; z < VM_ZONES; z++) {
			unsigned long n = 0;

			for (unsigned long i = 0; i < vm_nr_frames; i++)
				n += vm_frames[i].owner == VM_BALLOON &&
				     page_zone(&vm_frames[i]) == &vm_zone[z];
			assert_int_equal(vm_zone[z].managed + n, vm_nr_frames / VM_ZONES);
		}
	}
	rig_check_quiet();
}

static void same_size(enum vm_point at, struct page *page)
{
	assert_int_equal(pages_size(&rig->pages), SIZE);
}

static void test_size_is_the_same_at_every_step(void **state)
{
	vm_hook = same_size;
	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_exchange(rig_mixed_block()), 0);
	vm_hook = NULL;
	rig_check_quiet();
}

/* A page that cannot move: the balloon gets the lost pages anew. */
static void test_a_block_that_is_not_to_be_had(void **state)
{
	rig_guest_stays();
	assert_int_equal(rig_exchange(rig_mixed_block()), -EBUSY);
	rig_check_quiet();
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_given(), SIZE);
}

static void test_too_few_pages_to_give(void **state)
{
	rig_target(RIG_BLOCK - 1);
	sim_advance(HZ);
	assert_int_equal(rig_exchange(rig_mixed_block()), -ENODATA);
	assert_int_equal(pages_size(&rig->pages), RIG_BLOCK - 1);
	rig_check_quiet();
}

static struct page *block;
static int result;

static void exchange_task(void *arg)
{
	result = rig_exchange(block);
}

static enum hostcomm_vq leaving_vq(void)
{
	return rig->hostcomm.ops->swap ? HOSTCOMM_VQ_OPS : HOSTCOMM_VQ_DEFLATE;
}

/* The host stays silent at the first, or at the second question. */
static void silent(unsigned int answers)
{
	host.at_once = false;
	block = rig_mixed_block();
	result = 1;
	sim_spawn("exchange", exchange_task, NULL);
	sim_settle();
	if (answers) {
		assert_int_equal(fake_host_answer(leaving_vq(), 1), 1);
		sim_settle();
	}
	assert_int_equal(result, 1);
	sim_advance(6 * HZ);
	assert_int_equal(result, -ETIMEDOUT);
	assert_false(exchange_is_idle(&rig->gather.exchange));
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_exchange(block), -ENODEV);
	sim_join();
}

static void test_an_answer_comes_late(void **state)
{
	for (unsigned int answers = 0; answers < 2; answers++) {
		silent(answers);
		host.at_once = true;
		fake_host_answer_all();
		sim_advance(HZ);
		assert_true(exchange_is_idle(&rig->gather.exchange));
		rig_check_quiet();
		assert_int_equal(pages_size(&rig->pages), SIZE);
	}
}

/* Whatever is out when the device goes is the guest's afterwards. */
static void test_no_answer_comes(void **state)
{
	silent(0);
	rig_remove();
	rig_probe();
	rig_inflate(SIZE);
	rig_break_blocks();
	silent(1);
	rig_remove();
	assert_int_equal(vm_count(VM_BALLOON), 0);
}

static void test_asleep_on_the_way(void **state)
{
	silent(1);
	rig_sleep();
	host.at_once = true;
	assert_int_equal(rig_wake(true), 0);
	sim_advance(HZ);
	rig_check_quiet();
	assert_int_equal(pages_size(&rig->pages), SIZE);
}

static void refused(enum hostcomm_op op, unsigned int after)
{
	host.refuse = 1;
	host.refuse_op = op;
	host.refuse_after = after;
	host.refuse_err = -EBADSLT;
	assert_int_equal(rig_exchange(rig_mixed_block()), -EBADSLT);
	assert_int_equal(host.refuse, 0);
	/* The worker asks again after a pause. */
	sim_advance(5 * HZ);
	rig_check_quiet();
	assert_int_equal(pages_size(&rig->pages), SIZE);
}

static void test_the_host_refuses(void **state)
{
	refused(HOSTCOMM_DEFLATE, 0);
	refused(HOSTCOMM_DEFLATE, 3);
	refused(HOSTCOMM_INFLATE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scattered_ops(test_a_block_becomes_whole),
		scattered(test_a_block_becomes_whole),
		scattered_ops(test_zones_are_charged_for_what_they_lend),
		scattered_ops(test_size_is_the_same_at_every_step),
		scattered_ops(test_a_block_that_is_not_to_be_had),
		scattered_ops(test_too_few_pages_to_give),
		scattered_ops(test_an_answer_comes_late),
		scattered(test_an_answer_comes_late),
		scattered_ops(test_no_answer_comes),
		scattered(test_no_answer_comes),
		scattered_ops(test_asleep_on_the_way),
		scattered_ops(test_the_host_refuses),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
