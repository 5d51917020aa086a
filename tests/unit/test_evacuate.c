// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks made free for the guest: in one piece, at no cost to the host, and
 * nothing of it in the balloon's books; nor is a page lost where somebody says
 * no, or nothing.
 */
#include "rig.h"

#define SIZE	RIG_SCATTERED

static void check_books(void)
{
	rig_check_quiet();
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_given(), SIZE);
}

static unsigned int free_in(struct page *first)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < RIG_BLOCK; i++)
		nr += first[i].owner == VM_FREE;
	return nr;
}

static unsigned int told(void)
{
	return rig->hostcomm.stats.requests[HOSTCOMM_INFLATE] +
	       rig->hostcomm.stats.requests[HOSTCOMM_DEFLATE];
}

static void same_books(enum vm_point at, struct page *page)
{
	assert_int_equal(pages_size(&rig->pages), SIZE);
	assert_int_equal(rig_given(), SIZE);
}

/* A block without the balloon's pages, so that no move asks the host. */
static struct page *foreign_block(void)
{
	for (unsigned long b = 0; b < vm_nr_frames / RIG_BLOCK; b++) {
		struct page *first = &vm_frames[b * RIG_BLOCK];
		unsigned int ours = 0;

		for (unsigned int i = 0; i < RIG_BLOCK; i++)
			ours += first[i].owner == VM_BALLOON;
		if (!ours)
			return first;
	}
	sim_fail("the balloon is everywhere");
}

static void becomes_free(struct page *first)
{
	unsigned long free = vm_free_frames();

	vm_hook = same_books;
	assert_int_equal(rig_evacuate(first), 0);
	vm_hook = NULL;
	assert_int_equal(free_in(first), RIG_BLOCK);
	for (unsigned int i = 0; i < RIG_BLOCK; i++)
		assert_int_equal(first[i].host, VM_HOST_OUT);
	sim_advance(HZ);
	assert_int_equal(vm_free_frames(), free);
	check_books();
}

/* What the kernel zeroed is given back to the host. */
static void test_a_block_becomes_free(void **state)
{
	unsigned int before = told();

	becomes_free(foreign_block());
	assert_int_equal(told(), before + 2);
}

/* Migration moves the balloon's pages, too. */
static void test_a_shared_block_becomes_free(void **state)
{
	becomes_free(rig_mixed_block());
}

static void test_a_page_stays(void **state)
{
	rig_guest_stays();
	assert_int_equal(rig_evacuate(rig_mixed_block()), -EBUSY);
	sim_advance(HZ);
	check_books();
}

static struct page *block;
static int result;

static void evacuate_task(void *arg)
{
	result = rig_evacuate(block);
}

/* The host stays silent at the first, or at the second question. */
static void silent(unsigned int answers)
{
	enum hostcomm_vq vq = rig->hostcomm.ops->swap ? HOSTCOMM_VQ_OPS : HOSTCOMM_VQ_INFLATE;

	block = foreign_block();
	host.at_once = false;
	result = 1;
	sim_spawn("evacuate", evacuate_task, NULL);
	sim_settle();
	if (answers) {
		assert_int_equal(fake_host_answer(vq, 1), 1);
		sim_settle();
	}
	assert_int_equal(result, 1);
	assert_int_equal(free_in(block), 0);
	sim_advance(6 * HZ);
	assert_int_equal(result, -ETIMEDOUT);
	assert_false(evacuate_is_idle(&rig->gather.evacuate));
	assert_int_equal(rig_evacuate(block), -ENODEV);
	sim_join();
}

static void test_an_answer_comes_late(void **state)
{
	for (unsigned int answers = 0; answers < 2; answers++) {
		silent(answers);
		host.at_once = true;
		fake_host_answer_all();
		sim_advance(HZ);
		assert_true(evacuate_is_idle(&rig->gather.evacuate));
		assert_int_equal(free_in(block), RIG_BLOCK);
		check_books();
	}
}

/* Whatever is out when the device goes is the guest's afterwards. */
static void test_no_answer_comes(void **state)
{
	for (unsigned int answers = 0; answers < 2; answers++) {
		silent(answers);
		rig_remove();
		assert_int_equal(vm_count(VM_BALLOON), 0);
		host.at_once = true;
		rig_probe();
		sim_advance(HZ);
	}
}

static void test_asleep_on_the_way(void **state)
{
	for (unsigned int answers = 0; answers < 2; answers++) {
		silent(answers);
		rig_sleep();
		host.at_once = true;
		assert_int_equal(rig_wake(true), 0);
		sim_advance(HZ);
		assert_int_equal(free_in(block), RIG_BLOCK);
		check_books();
	}
}

/* A host that does not take the block; one that does not let it go again. */
static void test_the_host_refuses(void **state)
{
	static const enum hostcomm_op ops[] = { HOSTCOMM_INFLATE, HOSTCOMM_DEFLATE };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		struct page *first = rig_mixed_block();

		host.refuse = 1;
		host.refuse_op = ops[i];
		host.refuse_after = 0;
		host.refuse_err = -EBADSLT;
		assert_int_equal(rig_evacuate(first), 0);
		assert_int_equal(host.refuse, 0);
		/* What the host kept is the balloon's, and goes with the next target. */
		sim_advance(5 * HZ);
		check_books();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scattered_ops(test_a_block_becomes_free),
		scattered(test_a_block_becomes_free),
		scattered_ops(test_a_shared_block_becomes_free),
		scattered(test_a_shared_block_becomes_free),
		scattered_ops(test_a_page_stays),
		scattered_ops(test_an_answer_comes_late),
		scattered(test_an_answer_comes_late),
		scattered_ops(test_no_answer_comes),
		scattered(test_no_answer_comes),
		scattered_ops(test_asleep_on_the_way),
		scattered_ops(test_the_host_refuses),
	};

	return cmocka_run_group_tests_name("evacuate", tests, NULL, NULL);
}
