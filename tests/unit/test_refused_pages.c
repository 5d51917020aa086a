// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of the guest that the host does not take, not being RAM to it: other
 * memory is taken in its place, it stays the guest's, and a target that cannot
 * be reached without it ends in the back-off, not in asking for ever.
 */
#include "rig.h"

#define FRAMES		8192UL
#define PLACE		2048UL
#define LARGEST		1024UL

static void not_ram(unsigned long frames)
{
	host.not_ram[0] = &vm_frames[0];
	host.not_ram[1] = &vm_frames[frames - 1];
}

static void assert_none_taken(unsigned long frames)
{
	for (unsigned long i = 0; i < frames; i++)
		assert_int_not_equal(vm_frames[i].owner, VM_BALLOON);
}

static void test_other_memory_is_taken(void **state)
{
	unsigned int lines = sim_log_lines;

	not_ram(PLACE);
	for (unsigned long target = 1000; target <= 4000; target += 1000) {
		rig_target(target);
		sim_advance(HZ);
		assert_int_equal(pages_size(&rig->pages), target);
		assert_int_equal(rig_given(), target);
		/* At the target all that was passed over is the guest's again. */
		assert_int_equal(vm_free_frames(), FRAMES - target);
		assert_none_taken(PLACE);
		rig_check_quiet();
	}
	assert_true(host.not_ram_asked > 0);
	/* Once, and for a target that had to wait for what lay aside. */
	assert_in_range(sim_log_lines, lines + 1, lines + 1 + 4);
}

/* No page is asked for twice on the way to a target, whatever the allocator would hand out. */
static void test_not_the_same_again_at_once(void **state)
{
	unsigned long asked = 0;

	not_ram(PLACE);
	/* From here on it is known: at most a block at a time. */
	rig_inflate(1000);
	for (int way = 0; way < 8; way++) {
		host.not_ram_asked = 0;
		rig_target(3000);
		sim_settle();
		assert_in_range(host.not_ram_asked, 0, PLACE);
		asked += host.not_ram_asked;
		rig_target(1000);
		sim_settle();
	}
	assert_true(asked > 0);
}

/* All but it, and what the guest needs: as far as it goes, then ever less often. */
static void test_a_target_that_needs_it(void **state)
{
	unsigned long most = FRAMES - PLACE - 100;
	unsigned int lines = sim_log_lines;

	not_ram(PLACE + 100);
	rig_target(FRAMES);
	sim_advance(400 * HZ);
	assert_in_range(pages_size(&rig->pages), most - PLACE - LARGEST, most);
	assert_none_taken(PLACE + 100);
	assert_int_equal(rig->resize.policy.backoff_ms, RESIZE_BACKOFF_MAX_MS);
	assert_int_equal(sim_log_lines, lines + 2);
	rig_check_quiet();
}

static void test_nothing_is_taken(void **state)
{
	unsigned int lines = sim_log_lines, posts;

	not_ram(FRAMES);
	rig_target(3000);
	sim_advance(100 * HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	assert_int_equal(vm_free_frames(), FRAMES);
	assert_int_equal(rig->resize.policy.backoff_ms, RESIZE_BACKOFF_MAX_MS);
	rig_check_quiet();
	/* Two attempts at most, none for longer than there is memory above the floor. */
	posts = host.posts[HOSTCOMM_INFLATE];
	sim_advance(60 * HZ);
	assert_in_range(host.posts[HOSTCOMM_INFLATE] - posts, 1, 2 * 64);
	assert_int_equal(vm_free_frames(), FRAMES);
	/* Once when it was passed over, once because the target is out of reach. */
	assert_int_equal(sim_log_lines, lines + 2);
	host.not_ram[0] = NULL;
	sim_advance(33 * HZ);
	assert_int_equal(pages_size(&rig->pages), 3000);
	rig_check_quiet();
}

/* A page that the host has ballooned already is no better. */
static void test_in_the_balloon_already(void **state)
{
	host.refuse = 1;
	host.refuse_op = HOSTCOMM_INFLATE;
	host.refuse_err = -EBADSLT;
	rig_inflate(1000);
	assert_int_equal(host.refuse, 0);
	assert_int_equal(rig->resize.refused_pages, 1000);
	assert_int_equal(vm_free_frames(), FRAMES - 1000);
}

/* With a host that falls silent while something lies aside. */
static void set_aside_and_wait(void)
{
	not_ram(FRAMES);
	host.at_once = false;
	/* More than a request, so that others are out while one is refused. */
	rig_target(3100);
	sim_settle();
	assert_true(fake_host_unanswered() > 1);
	assert_int_equal(fake_host_answer(HOSTCOMM_VQ_OPS, 1), 1);
	sim_settle();
	assert_false(list_empty(&rig->resize.held_back));
}

static void test_removal_meanwhile(void **state)
{
	set_aside_and_wait();
	rig_remove();
	assert_int_equal(vm_free_frames(), FRAMES);
}

static void test_sleep_meanwhile(void **state)
{
	set_aside_and_wait();
	rig_sleep();
	assert_int_equal(vm_free_frames(), FRAMES);
	host.at_once = true;
	host.not_ram[0] = NULL;
	assert_int_equal(rig_wake(true), 0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 3100);
	rig_check_quiet();
}

static int open_oom(void **state)
{
	rig_start(sim_seed(1), 0, FRAMES,
		  1ULL << VIRTIO_BALLOON_F_PAGE_OPS | 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	return 0;
}

static void test_a_guest_that_runs_dry_meanwhile(void **state)
{
	unsigned long freed = 0, before;

	set_aside_and_wait();
	before = vm_free_frames();
	rig_oom->notifier_call(rig_oom, 0, &freed);
	assert_true(freed > 0);
	assert_int_equal(vm_free_frames(), before + freed);
	host.at_once = true;
	fake_host_answer_all();
	rig_target(0);
	sim_settle();
	assert_int_equal(vm_free_frames(), FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_ops(test_other_memory_is_taken),
		with_ops(test_not_the_same_again_at_once),
		with_ops(test_a_target_that_needs_it),
		with_ops(test_nothing_is_taken),
		with_ops(test_in_the_balloon_already),
		with_ops(test_removal_meanwhile),
		with_ops(test_sleep_meanwhile),
		cmocka_unit_test_setup_teardown(test_a_guest_that_runs_dry_meanwhile, open_oom,
						rig_close),
	};

	return cmocka_run_group_tests_name("refused_pages", tests, NULL, NULL);
}
