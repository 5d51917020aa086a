// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device while it is there: targets met, changed mid-way and out of reach,
 * what is told of the size, the OOM notifier (I4).
 */
#include "rig.h"

static void test_up_down_up(void **state)
{
	rig_inflate(1000);
	rig_inflate(5000);
	rig_publish_blocks();
	rig_inflate(5001);
	rig_target(3);
	sim_advance(HZ);
	assert_int_equal(rig_given(), 3);
	rig_inflate(2500);
}

/* What a target is for: with one that is met nothing moves, whoever asks how often. */
static void test_a_met_target_moves_nothing(void **state)
{
	unsigned int posts;

	rig_inflate(3000);
	rig_publish_blocks();
	posts = host.posts[HOSTCOMM_DEFLATE] + host.posts[HOSTCOMM_INFLATE];
	for (int i = 0; i < 10; i++) {
		rig_target(3000);
		sim_advance(10 * HZ);
	}
	assert_int_equal(host.posts[HOSTCOMM_DEFLATE] + host.posts[HOSTCOMM_INFLATE], posts);
	assert_int_equal(vm_count(VM_BALLOON), 3000);
	/* Nor does a larger one take any page out. */
	posts = host.posts[HOSTCOMM_DEFLATE];
	rig_inflate(4000);
	assert_int_equal(host.posts[HOSTCOMM_DEFLATE], posts);
}

/* Without the feature nobody is even asked before the kernel kills. */
static void test_no_oom_notifier_unless_negotiated(void **state)
{
	assert_null(rig_oom);
	rig_inflate(1000);
	assert_null(rig_oom);
}

/* Each size that comes to rest is told, and not each page on the way. */
static void test_the_size_is_told(void **state)
{
	static const unsigned long sizes[] = { 1000, 999, 5000, 1, 0 };
	unsigned int before;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		before = rig_tellings;
		rig_target(sizes[i]);
		sim_advance(HZ);
		assert_int_equal(rig_given(), sizes[i]);
		assert_in_range(rig_tellings - before, 1, 4);
	}
}

/* On a CPU of the other byte order; legacy devices have no other configuration. */
static void test_configuration_is_little_endian(void **state)
{
	sim_big_endian = true;
	rig_target(__builtin_bswap32(1000));
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 1000);
	assert_int_equal(rig_given(), __builtin_bswap32(1000));
}

/* Before each DRIVER_OK, and never after it: rig_stubs.c checks which. */
static void test_poison_is_told_once_before_driver_ok(void **state)
{
	assert_int_equal(rig_poison_told, 1);
	rig_inflate(1000);
	sim_advance(10 * HZ);
	assert_int_equal(rig_poison_told, 1);
	rig_remove();
	rig_probe();
	assert_int_equal(rig_poison_told, 2);
	sim_advance(10 * HZ);
	assert_int_equal(rig_poison_told, 2);
}

static void test_target_changes_midway(void **state)
{
	host.at_once = false;
	rig_target(5000);
	sim_settle();
	rig_target(100);
	sim_advance(2);
	assert_int_equal(pages_size(&rig->pages), 0);
	fake_host_answer_all();
	fake_host_answer_all();
	sim_advance(HZ);
	fake_host_answer_all();
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 100);
	assert_int_equal(rig_given(), 100);
	rig_check_quiet();
}

static bool answering;

static void answerer(void *arg)
{
	while (answering) {
		fake_host_answer(sim_rand(HOSTCOMM_NR_VQS), 1 + sim_rand(3));
		sim_sleep(sim_rand(2));
	}
}

static void resize_exactly(unsigned long to)
{
	unsigned long in = host.pages[HOSTCOMM_INFLATE], out = host.pages[HOSTCOMM_DEFLATE];
	unsigned long from = rig_given(), patience = 60 * HZ;

	rig_target(to);
	while ((rig_given() != to || !resize_rests(&rig->resize)) && --patience)
		sim_sleep(1);
	sim_check(patience, "at %lu, not at %lu, after 60 s", rig_given(), to);
	in = host.pages[HOSTCOMM_INFLATE] - in;
	out = host.pages[HOSTCOMM_DEFLATE] - out;
	sim_check(in == (from < to ? to - from : 0) && out == (from > to ? from - to : 0),
		  "from %lu to %lu by %lu in and %lu out", from, to, in, out);
}

/* However answers fall among its decisions: each page of a wish goes one way, once. */
static void resize_at_random(u64 features)
{
	static const unsigned long sizes[] = { 3000, 1000, 1001, 3500, 0 };
	unsigned int runs = sim_runs(60);

	for (unsigned int run = 0; run < runs; run++) {
		rig_start(sim_seed(run), 0, 8192, features);
		rig->resize.inflate_batch = 64;
		host.at_once = false;
		sim_odds(3 + sim_rand(30));
		answering = true;
		sim_spawn("host", answerer, NULL);
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
			resize_exactly(sizes[i]);
		answering = false;
		sim_join();
		sim_odds(0);
		host.at_once = true;
		rig_stop();
	}
}

static void test_no_page_more_than_the_wish(void **state)
{
	resize_at_random(0);
	resize_at_random(1ULL << VIRTIO_BALLOON_F_PAGE_OPS);
}

static void test_never_below_the_floor(void **state)
{
	rig_target(8192);
	sim_advance(70 * HZ);
	assert_int_equal(vm_free_frames(), rig->resize.floor);
	assert_int_equal(pages_size(&rig->pages), 8192 - rig->resize.floor);
	rig_check_quiet();
}

/* What is on its way when the guest has no more is counted in what it gave. */
static void test_out_of_reach_is_said_once_all_is_given(void **state)
{
	unsigned int before = sim_log_lines;
	char said[sizeof(sim_log_last)];

	host.at_once = false;
	rig_target(8192);
	sim_advance(HZ);
	assert_true(fake_host_unanswered() > 0);
	assert_int_equal(sim_log_lines, before);
	for (int i = 0; i < 100 && fake_host_answer_all(); i++)
		sim_advance(HZ / 10);
	assert_int_equal(fake_host_unanswered(), 0);
	assert_int_equal(sim_log_lines, before + 1);
	snprintf(said, sizeof(said),
		 "asked for 32 MiB, gave %lu MiB: the guest needs the rest; still trying\n",
		 pages_size(&rig->pages) >> (20 - PAGE_SHIFT));
	assert_string_equal(sim_log_last, said);
	host.at_once = true;
	sim_advance(70 * HZ);
	assert_int_equal(sim_log_lines, before + 1);
	rig_check_quiet();
}

static int open_oom(void **state)
{
	rig_start(sim_seed(1), 0, 8192, 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	return 0;
}

static int open_oom_ops(void **state)
{
	rig_start(sim_seed(1), 0, 8192, 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
		  1ULL << VIRTIO_BALLOON_F_PAGE_OPS);
	return 0;
}

static unsigned long oom(void)
{
	unsigned long freed = 0;

	rig_oom->notifier_call(rig_oom, 0, &freed);
	return freed;
}

static void test_oom_gives_back_and_holds_off(void **state)
{
	unsigned long freed, before;

	rig_inflate(5000);
	rig_publish_blocks();
	before = vm_free_frames();
	freed = oom();
	assert_true(freed > 0);
	assert_int_equal(vm_free_frames(), before + freed);
	/* No tug of war: for ten seconds the size stays, and is told. */
	sim_advance(9 * HZ);
	assert_int_equal(pages_size(&rig->pages), 5000 - freed);
	assert_int_equal(rig_given(), 5000 - freed);
	/* Nor does a new wish change that. */
	rig_target(5001);
	sim_advance(HZ / 2);
	assert_int_equal(pages_size(&rig->pages), 5000 - freed);
	sim_advance(2 * HZ);
	assert_int_equal(pages_size(&rig->pages), 5001);
	rig_check_quiet();
}

static void test_oom_again_at_once_gives_more(void **state)
{
	unsigned long first, second;

	rig_inflate(5000);
	rig_publish_blocks();
	first = oom();
	second = oom();
	assert_true(first > 0);
	assert_true(second > first);
	/* Back at the target, and long after: as at first. */
	sim_advance(12 * HZ);
	assert_int_equal(pages_size(&rig->pages), 5000);
	rig_publish_blocks();
	assert_int_equal(oom(), first);
	rig_check_quiet();
}

static void test_oom_with_a_silent_host(void **state)
{
	unsigned long before;

	rig_inflate(5000);
	host.at_once = false;
	before = jiffies;
	assert_int_equal(oom(), 0);
	assert_in_range(jiffies - before, HZ, HZ + 2);
	before = jiffies;
	assert_int_equal(oom(), 0);
	assert_in_range(jiffies - before, HZ, HZ + 2);
	fake_host_answer_all();
	host.at_once = true;
	assert_true(oom() > 0);
	rig_check_quiet();
}

static void test_oom_with_an_empty_balloon(void **state)
{
	assert_int_equal(oom(), 0);
	rig_check_quiet();
}

/* Frames that a program has; it takes what is free but for so many. */
struct program {
	struct page *page[8192];
	unsigned long nr;
};

static void program_leave(struct program *pg, unsigned long frames)
{
	while (vm_free_frames() > frames) {
		struct page *page = alloc_pages(GFP_KERNEL, 0);

		assert_non_null(page);
		pg->page[pg->nr++] = page;
	}
}

static void program_end(struct program *pg)
{
	while (pg->nr)
		put_page(pg->page[--pg->nr]);
}

/* Below three quarters of the floor: up to twice the floor, though the host asks for all. */
static void test_in_need_the_guest_is_given_pages(void **state)
{
	static struct program pg;
	unsigned long floor, low, size;

	rig_target(8192);
	sim_advance(70 * HZ);
	floor = rig->resize.floor;
	low = floor - floor / 4;
	size = pages_size(&rig->pages);
	assert_int_equal(vm_free_frames(), floor);

	program_leave(&pg, low);
	assert_int_equal(resize_look(&rig->resize), 0);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), size);

	program_leave(&pg, low - 1);
	assert_int_equal(resize_look(&rig->resize), 0);
	sim_advance(HZ);
	assert_int_equal(vm_free_frames(), 2 * floor);
	size -= 2 * floor - (low - 1);
	assert_int_equal(pages_size(&rig->pages), size);
	assert_int_equal(rig->resize.floor_given, 2 * floor - (low - 1));
	assert_int_equal(resize_look(&rig->resize), 2 * floor - low);

	sim_advance(8 * HZ);
	assert_int_equal(pages_size(&rig->pages), size);
	sim_advance(4 * HZ);
	assert_int_equal(vm_free_frames(), floor);
	program_end(&pg);
	rig_check_quiet();
}

/* A host that says nothing is asked for no more than is needed, and what it gives back comes. */
static void test_in_need_with_a_silent_host(void **state)
{
	static struct program pg;
	unsigned long size, left;

	rig_inflate(5000);
	rig_publish_blocks();
	host.at_once = false;
	program_leave(&pg, 100);
	for (int i = 0; i < 50; i++) {
		resize_look(&rig->resize);
		sim_advance(1);
	}
	size = pages_size(&rig->pages);
	left = 2 * rig->resize.floor - 100;
	assert_int_equal(size, 5000 - left);
	assert_int_equal(vm_free_frames(), 100);
	fake_host_answer_all();
	host.at_once = true;
	sim_advance(1);
	assert_int_equal(vm_free_frames(), 100 + left);
	program_end(&pg);
	rig_check_quiet();
}

/* Without the feature nobody looks; but whoever asks gets nothing. */
static void test_in_need_without_the_feature(void **state)
{
	static struct program pg;

	rig_inflate(5000);
	program_leave(&pg, 100);
	resize_look(&rig->resize);
	sim_advance(HZ);
	assert_int_equal(pages_size(&rig->pages), 5000);
	program_end(&pg);
	rig_check_quiet();
}

#define with_oom(test) cmocka_unit_test_setup_teardown(test, open_oom, rig_close), \
	{ #test " (page ops)", test, open_oom_ops, rig_close, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_up_down_up),
		both(test_a_met_target_moves_nothing),
		both(test_no_oom_notifier_unless_negotiated),
		both(test_the_size_is_told),
		with_rig(test_configuration_is_little_endian),
		both(test_poison_is_told_once_before_driver_ok),
		both(test_target_changes_midway),
		cmocka_unit_test(test_no_page_more_than_the_wish),
		both(test_never_below_the_floor),
		both(test_out_of_reach_is_said_once_all_is_given),
		both(test_in_need_without_the_feature),
		with_oom(test_in_need_the_guest_is_given_pages),
		with_oom(test_in_need_with_a_silent_host),
		with_oom(test_oom_gives_back_and_holds_off),
		with_oom(test_oom_again_at_once_gives_more),
		with_oom(test_oom_with_a_silent_host),
		with_oom(test_oom_with_an_empty_balloon),
	};

	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
