// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one buffer of statistics (VIRTIO 1.4, 5.5.6.3): the test is the device.
 * What the kernel counts is made up here, each count a number of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/swap.h>

#include "balloon.h"
#include "fake_queue.h"

#define ENTRY	sizeof(struct virtio_balloon_stat)

static struct virtio_balloon vb;
static struct fake_queue q;
static unsigned int moment;

void all_vm_events(unsigned long *events)
{
	for (int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		events[i] = 1000 * (i + 1) + moment;
}

void si_meminfo(struct sysinfo *info)
{
	*info = (struct sysinfo){ .totalram = 50000, .freeram = 3000 + moment };
}

unsigned long global_node_page_state(enum node_stat_item item)
{
	return 700 + 10 * item + moment;
}

unsigned long pages_size(struct balloon_pages *bp)
{
	assert_ptr_equal(bp, &vb.pages);
	return 30 + moment;
}

static void start(u64 features)
{
	fake_device_start(features, &vb);
	fake_queue_start(&q, "stats", 128, stats_asked);
	memset(&vb, 0, sizeof(vb));
	/* Whatever is not filled in shows. */
	memset(vb.stats.stat, 0xee, sizeof(vb.stats.stat));
	moment = 0;
	stats_init(&vb.stats, &fake_vdev);
	stats_start(&vb.stats, &q.vq);
	sim_settle();
}

static int open_stats(void **state)
{
	(void)state;
	fake_machine_start(2, 64);
	start(1ULL << VIRTIO_F_VERSION_1);
	return 0;
}

static int close_stats(void **state)
{
	(void)state;
	stats_stop(&vb.stats);
	return fake_machine_end();
}

static void ask(void)
{
	assert_int_equal(fake_queue_answer(&q, 1), 1);
	sim_settle();
}

static unsigned int entries(const struct fake_buffer *buf)
{
	assert_true(buf->bytes <= FAKE_QUEUE_BYTES);
	return buf->bytes / ENTRY;
}

static u16 tag_of(const struct fake_buffer *buf, unsigned int i)
{
	u16 tag;

	memcpy(&tag, buf->data + i * ENTRY, sizeof(tag));
	return tag;
}

static u64 value_of(const struct fake_buffer *buf, unsigned int i)
{
	u64 value;

	memcpy(&value, buf->data + i * ENTRY + sizeof(u16), sizeof(value));
	return value;
}

/* The value of a tag; fails where there is none, or two. */
static u64 value_by_tag(const struct fake_buffer *buf, u16 tag)
{
	int at = -1;

	for (unsigned int i = 0; i < entries(buf); i++) {
		if (tag_of(buf, i) == tag) {
			assert_int_equal(at, -1);
			at = i;
		}
	}
	assert_true(at >= 0);
	return value_of(buf, at);
}

static void test_first_buffer_comes_by_itself(void **state)
{
	(void)state;
	assert_int_equal(q.nr, 1);
	assert_true(q.all[0].out && q.all[0].kicked);
	assert_true(q.all[0].bytes > 0);
}

static void test_each_question_is_answered(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 20; i++) {
		ask();
		assert_int_equal(q.nr, i + 1);
		assert_true(q.all[i].out && q.all[i].kicked);
	}
}

/* Also when interrupts come without a cause, or before the driver is awake. */
static void test_never_two_buffers(void **state)
{
	(void)state;
	sim_odds(3);
	for (int i = 0; i < 200; i++) {
		if (sim_rand(2))
			fake_queue_answer(&q, 1);
		sim_current->in_irq = true;
		stats_asked(&q.vq);
		sim_current->in_irq = false;
		if (sim_rand(2))
			sim_tick(1);
		assert_in_range(fake_queue_out(&q), 0, 1);
	}
	sim_settle();
	assert_int_equal(fake_queue_out(&q), 1);
	assert_true(q.nr > 20);
}

/* The section's own size of an entry; its multiple of 6 is of another age. */
static void test_whole_entries(void **state)
{
	(void)state;
	ask();
	for (unsigned int i = 0; i < q.nr; i++)
		assert_int_equal(q.all[i].bytes % ENTRY, 0);
}

static bool is_tag(u16 tag)
{
	return tag < VIRTIO_BALLOON_S_NR ||
	       (tag >= VIRTIO_BALLOON_S_PRIVATE &&
		tag < VIRTIO_BALLOON_S_PRIVATE + VIRTIO_BALLOON_S_PRIVATE_NR);
}

static void test_every_entry_is_filled_in(void **state)
{
	const struct fake_buffer *buf = &q.all[0];

	(void)state;
	for (unsigned int i = 0; i < entries(buf); i++) {
		assert_true(is_tag(tag_of(buf, i)));
		assert_int_not_equal(value_of(buf, i), 0xeeeeeeeeeeeeeeeeULL);
	}
	for (u16 tag = 0; tag < VIRTIO_BALLOON_S_NR; tag++)
		value_by_tag(buf, tag);
	assert_int_equal(value_by_tag(buf, VIRTIO_BALLOON_S_MAJFLT), 1000 * (PGMAJFAULT + 1));
	assert_int_equal(value_by_tag(buf, VIRTIO_BALLOON_S_SWAP_IN),
			 1000 * (PSWPIN + 1) * PAGE_SIZE);
	assert_int_equal(value_by_tag(buf, VIRTIO_BALLOON_S_MEMTOT), 50000 * PAGE_SIZE);
	assert_int_equal(value_by_tag(buf, VIRTIO_BALLOON_S_CACHES), 700 * PAGE_SIZE);
}

/* Of the same instant as the standard ones; no kernel tells a module of pressure. */
static void test_private_tags(void **state)
{
	static const struct {
		u16 tag;
		unsigned int item;
	} pages[] = {
		{ VIRTIO_BALLOON_S_ACTIVE_ANON, NR_ACTIVE_ANON },
		{ VIRTIO_BALLOON_S_INACTIVE_ANON, NR_INACTIVE_ANON },
		{ VIRTIO_BALLOON_S_ACTIVE_FILE, NR_ACTIVE_FILE },
		{ VIRTIO_BALLOON_S_INACTIVE_FILE, NR_INACTIVE_FILE },
		{ VIRTIO_BALLOON_S_REFAULT_ANON, WORKINGSET_REFAULT_ANON },
		{ VIRTIO_BALLOON_S_REFAULT_FILE, WORKINGSET_REFAULT_FILE },
	};

	(void)state;
	moment = 3;
	ask();
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		assert_int_equal(value_by_tag(&q.all[1], pages[i].tag),
				 (703 + 10 * pages[i].item) * PAGE_SIZE);
	assert_int_equal(value_by_tag(&q.all[1], VIRTIO_BALLOON_S_BALLOON), 33 * PAGE_SIZE);
	assert_int_equal(value_by_tag(&q.all[0], VIRTIO_BALLOON_S_SEQUENCE), 1);
	assert_int_equal(value_by_tag(&q.all[1], VIRTIO_BALLOON_S_SEQUENCE), 2);
	for (unsigned int i = 0; i < entries(&q.all[1]); i++)
		assert_true(tag_of(&q.all[1], i) < VIRTIO_BALLOON_S_PRESSURE_SOME);
}

/* Gathered for this question, not left from the one before. */
static void test_values_are_fresh(void **state)
{
	(void)state;
	moment = 5;
	ask();
	assert_int_equal(value_by_tag(&q.all[1], VIRTIO_BALLOON_S_MAJFLT),
			 1000 * (PGMAJFAULT + 1) + 5);
	assert_int_equal(value_by_tag(&q.all[1], VIRTIO_BALLOON_S_MEMFREE), 3005 * PAGE_SIZE);
}

static void test_same_statistics_in_every_buffer(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < 10; i++) {
		moment = i * 11;
		ask();
		assert_int_equal(entries(&q.all[i]), entries(&q.all[0]));
		for (unsigned int k = 0; k < entries(&q.all[0]); k++)
			value_by_tag(&q.all[i], tag_of(&q.all[0], k));
	}
}

/* A CPU of the other byte order: little-endian for a modern device, its own for a legacy one. */
static void test_byte_order(void **state)
{
	const struct { u64 features; bool swapped; } kinds[] = {
		{ 1ULL << VIRTIO_F_VERSION_1, true }, { 0, false },
	};

	(void)state;
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool seen = false;

		stats_stop(&vb.stats);
		sim_big_endian = true;
		start(kinds[k].features);
		for (unsigned int i = 0; i < entries(&q.all[0]); i++) {
			u16 tag = sim_swap(kinds[k].swapped, tag_of(&q.all[0], i), 2);
			u64 value = sim_swap(kinds[k].swapped, value_of(&q.all[0], i), 8);

			assert_true(is_tag(tag));
			if (tag == VIRTIO_BALLOON_S_MEMTOT) {
				assert_int_equal(value, 50000 * PAGE_SIZE);
				seen = true;
			}
		}
		assert_true(seen);
	}
}

static void test_nothing_after_the_stop(void **state)
{
	(void)state;
	fake_queue_answer(&q, 1);
	stats_stop(&vb.stats);
	sim_advance(HZ);
	assert_int_equal(q.nr, 1);
	sim_current->in_irq = true;
	stats_asked(&q.vq);
	sim_current->in_irq = false;
	sim_advance(HZ);
	assert_int_equal(q.nr, 1);
}

#define with_stats(test) cmocka_unit_test_setup_teardown(test, open_stats, close_stats)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_stats(test_first_buffer_comes_by_itself),
		with_stats(test_each_question_is_answered),
		with_stats(test_never_two_buffers),
		with_stats(test_whole_entries),
		with_stats(test_every_entry_is_filled_in),
		with_stats(test_private_tags),
		with_stats(test_values_are_fresh),
		with_stats(test_same_statistics_in_every_buffer),
		with_stats(test_byte_order),
		with_stats(test_nothing_after_the_stop),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
