// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free page reporting and the poison value (VIRTIO 1.4, 5.5.6.6 and 5.5.6.7): the
 * test is the device on one side and the kernel's reporting task on the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/scatterlist.h>

#include "balloon.h"
#include "fake_queue.h"

#define BLOCK_PAGES	512UL
#define NR_BLOCKS	3
#define POISON_FIELD	3

static struct virtio_balloon vb;
static struct fake_queue q;
static struct page_reporting_dev_info *reporter;
static struct scatterlist blocks[NR_BLOCKS];
static bool returned;
static int result;

int page_reporting_register(struct page_reporting_dev_info *pr)
{
	reporter = pr;
	return 0;
}

void page_reporting_unregister(struct page_reporting_dev_info *pr)
{
	assert_ptr_equal(pr, reporter);
	reporter = NULL;
	sim_join();
}

static void start(u64 features)
{
	fake_device_start(features, &vb);
	fake_queue_start(&q, "reporting_vq", PAGE_REPORTING_CAPACITY, reporting_answered);
	memset(&vb, 0, sizeof(vb));
	reporting_init(&vb.reporting, &fake_vdev);
	reporting_tell_poison(&vb.reporting);
	reporting_start(&vb.reporting, &q.vq);
}

static int open_reporting(void **state)
{
	(void)state;
	fake_machine_start(1, NR_BLOCKS * BLOCK_PAGES);
	start(1ULL << VIRTIO_F_VERSION_1);
	for (int i = 0; i < NR_BLOCKS; i++)
		sg_set_page(&blocks[i], &vm_frames[i * BLOCK_PAGES], BLOCK_PAGES << PAGE_SHIFT, 0);
	returned = false;
	return 0;
}

static int close_reporting(void **state)
{
	(void)state;
	reporting_stop(&vb.reporting);
	assert_null(reporter);
	return fake_machine_end();
}

/* The kernel's task; the blocks are its own, set aside, until report() returns. */
static void report(void *arg)
{
	(void)arg;
	result = reporter->report(reporter, blocks, NR_BLOCKS);
	returned = true;
}

static void test_blocks_are_shown_as_they_are(void **state)
{
	(void)state;
	sim_spawn("reporter", report, NULL);
	sim_settle();
	assert_int_equal(q.nr, 1);
	assert_true(!q.all[0].out && q.all[0].kicked);
	assert_int_equal(q.all[0].n, NR_BLOCKS);
	for (int i = 0; i < NR_BLOCKS; i++) {
		assert_ptr_equal(q.all[0].sg[i].page, blocks[i].page);
		assert_int_equal(q.all[0].sg[i].length, blocks[i].length);
	}
	fake_queue_answer(&q, 1);
	sim_join();
}

/* However long that takes: before the answer the blocks do not go back to the guest. */
static void test_blocks_stay_aside_until_answered(void **state)
{
	(void)state;
	sim_spawn("reporter", report, NULL);
	sim_advance(100 * HZ);
	assert_false(returned);
	fake_queue_answer(&q, 1);
	sim_join();
	assert_true(returned);
	assert_int_equal(result, 0);
	assert_int_equal(vb.reporting.reported, NR_BLOCKS * BLOCK_PAGES);
}

static void test_only_a_reset_ends_the_wait_early(void **state)
{
	(void)state;
	sim_spawn("reporter", report, NULL);
	sim_advance(HZ);
	assert_false(returned);
	/* main.c calls this after the reset. */
	reporting_stop(&vb.reporting);
	assert_true(returned);
	assert_int_equal(result, -ENODEV);
}

/* A queue that broke is read by nobody, but the device may still discard the blocks. */
static void test_a_broken_queue_does_not_end_the_wait(void **state)
{
	(void)state;
	sim_spawn("reporter", report, NULL);
	sim_settle();
	q.broken = true;
	reporting_answered(&q.vq);
	sim_advance(30 * HZ);
	assert_false(returned);
	reporting_stop(&vb.reporting);
	assert_true(returned);
	assert_int_equal(result, -ENODEV);
}

/* 2 MiB, whatever the page size: its page blocks may be larger than what is ever free. */
static void test_large_blocks_are_asked_for(void **state)
{
	(void)state;
	assert_non_null(reporter);
	assert_int_equal(PAGE_SIZE << reporter->order, SZ_2M);
}

static void test_no_reports_through_a_short_queue(void **state)
{
	(void)state;
	reporting_stop(&vb.reporting);
	q.size = PAGE_REPORTING_CAPACITY - 1;
	reporting_start(&vb.reporting, &q.vq);
	assert_null(reporter);
}

static void told(u64 features, bool free, bool poison, u32 value, unsigned int writes)
{
	reporting_stop(&vb.reporting);
	sim_init_on_free = free;
	sim_page_poisoning = poison;
	start(features);
	assert_int_equal(fake_config_writes, writes);
	assert_int_equal(sim_swap(sim_big_endian, fake_config.field[POISON_FIELD], 4), value);
}

static void test_poison_value_is_what_free_pages_hold(void **state)
{
	u64 poison = 1ULL << VIRTIO_BALLOON_F_PAGE_POISON;

	(void)state;
	for (int other = 0; other < 2; other++) {
		sim_big_endian = other;
		told(poison, false, true, 0xaaaaaaaa, 1);
		told(poison, true, false, 0, 1);
		told(0, false, true, 0, 0);
	}
}

/* Reports do not touch it. */
static void test_poison_value_stays(void **state)
{
	(void)state;
	told(1ULL << VIRTIO_BALLOON_F_PAGE_POISON, false, true, 0xaaaaaaaa, 1);
	q.at_once = true;
	for (int i = 0; i < 5; i++) {
		sim_spawn("reporter", report, NULL);
		sim_join();
	}
	assert_int_equal(q.nr, 5);
	assert_int_equal(fake_config_writes, 1);
}

#define with_reporting(test) \
	cmocka_unit_test_setup_teardown(test, open_reporting, close_reporting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_reporting(test_blocks_are_shown_as_they_are),
		with_reporting(test_blocks_stay_aside_until_answered),
		with_reporting(test_only_a_reset_ends_the_wait_early),
		with_reporting(test_a_broken_queue_does_not_end_the_wait),
		with_reporting(test_large_blocks_are_asked_for),
		with_reporting(test_no_reports_through_a_short_queue),
		with_reporting(test_poison_value_is_what_free_pages_hold),
		with_reporting(test_poison_value_stays),
	};

	return cmocka_run_group_tests_name("reporting", tests, NULL, NULL);
}
