// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's half of free page hinting (VIRTIO 1.4, 5.5.6.5): the test is the
 * device, sets the command id and watches what comes on the queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "device.h"
#include "fake_queue.h"

#define BLOCKS		6
#define BLOCK_PAGES	(1UL << BALLOON_MAX_ORDER)
#define STOP		VIRTIO_BALLOON_CMD_ID_STOP
#define DONE		VIRTIO_BALLOON_CMD_ID_DONE
#define ID		0x80000007u

static struct virtio_balloon vb;
static struct fake_queue q;
static struct shrinker *shrinker;

int register_shrinker(struct shrinker *sh, const char *name)
{
	(void)name;
	shrinker = sh;
	return 0;
}

void unregister_shrinker(struct shrinker *sh)
{
	assert_ptr_equal(sh, shrinker);
	shrinker = NULL;
}

static void start(u64 features)
{
	fake_device_start(features, &vb);
	fake_queue_start(&q, "free_page_vq", 64, hinting_answered);
	q.at_once = true;
	memset(&vb, 0, sizeof(vb));
	assert_int_equal(hinting_init(&vb.hinting, &fake_vdev), 0);
	assert_int_equal(hinting_start(&vb.hinting, &q.vq), 0);
}

static void stop(void)
{
	hinting_quiesce(&vb.hinting);
	/* The device is reset: what it has it will not touch any more. */
	hinting_stop(&vb.hinting);
	hinting_exit(&vb.hinting);
	assert_null(shrinker);
}

static int open_hinting(void **state)
{
	(void)state;
	sim_start(sim_seed(1), 0);
	sim_work_start(2);
	vm_start(BLOCKS * BLOCK_PAGES);
	start(1ULL << VIRTIO_F_VERSION_1);
	return 0;
}

static int close_hinting(void **state)
{
	(void)state;
	stop();
	vm_end();
	sim_end();
	return 0;
}

static void say(u32 id)
{
	bool before = sim_current->in_irq;

	fake_config.field[2] = sim_swap(sim_big_endian, id, 4);
	sim_current->in_irq = true;
	hinting_changed(&vb.hinting);
	sim_current->in_irq = before;
	sim_settle();
}

static u32 id_in(const struct fake_buffer *buf)
{
	u32 id;

	assert_true(buf->out);
	assert_int_equal(buf->n, 1);
	assert_int_equal(buf->bytes, sizeof(id));
	memcpy(&id, buf->data, sizeof(id));
	return id;
}

static bool is_id(const struct fake_buffer *buf, u32 id)
{
	return buf->out && id_in(buf) == id;
}

static unsigned int count_ids(u32 id)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < q.nr; i++)
		n += is_id(&q.all[i], id);
	return n;
}

static unsigned int count_hints(unsigned int from)
{
	unsigned int n = 0;

	for (unsigned int i = from; i < q.nr; i++)
		n += !q.all[i].out;
	return n;
}

static void test_nothing_unasked(void **state)
{
	(void)state;
	say(STOP);
	say(DONE);
	sim_advance(HZ);
	assert_int_equal(count_hints(0), 0);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

static void test_a_run_begins_with_its_id(void **state)
{
	(void)state;
	say(ID);
	assert_true(is_id(&q.all[0], ID));
	assert_true(count_hints(0) > 0);
}

static void test_ids_are_four_bytes_and_alone(void **state)
{
	(void)state;
	say(ID);
	say(STOP);
	say(ID + 1);
	say(DONE);
	for (unsigned int i = 0; i < q.nr; i++) {
		if (q.all[i].out)
			id_in(&q.all[i]);
	}
	assert_true(count_ids(ID) && count_ids(ID + 1) && count_ids(STOP));
}

/* However often the driver is told that something changed. */
static void test_the_id_is_said_once(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		say(ID);
	assert_int_equal(count_ids(ID), 1);
}

static void test_all_free_blocks_are_hinted(void **state)
{
	(void)state;
	say(ID);
	assert_int_equal(count_hints(0), BLOCKS);
	for (unsigned int i = 0; i < q.nr; i++) {
		if (!q.all[i].out)
			assert_int_equal(q.all[i].bytes, BLOCK_PAGES << PAGE_SHIFT);
	}
}

static void test_a_run_ends_with_stop(void **state)
{
	(void)state;
	say(ID);
	assert_true(is_id(&q.all[q.nr - 1], STOP));
	assert_int_equal(count_ids(STOP), 1);
}

/* A device that has answered nothing yet is told all the same. */
static void test_a_slow_device_is_told_of_the_end(void **state)
{
	(void)state;
	q.at_once = false;
	say(ID);
	assert_int_equal(fake_queue_answer(&q, 1), 1);
	sim_advance(60 * HZ);
	assert_true(is_id(&q.all[q.nr - 1], STOP));
	fake_queue_answer(&q, q.nr);
	sim_settle();
	assert_int_equal(count_ids(STOP), 1);
}

/* A new target, say, is no reason to end a run. */
static void test_other_changes_do_not_end_a_run(void **state)
{
	(void)state;
	q.at_once = false;
	q.size = 3;
	say(ID);
	for (int i = 0; i < 40; i++) {
		fake_queue_answer(&q, 1);
		say(ID);
	}
	assert_int_equal(count_hints(0), BLOCKS);
	assert_int_equal(count_ids(ID), 1);
	assert_int_equal(count_ids(STOP), 1);
}

static void ends_when_told(u32 what)
{
	unsigned int before;

	q.at_once = false;
	q.size = 3;
	say(ID);
	fake_queue_answer(&q, 1);
	sim_settle();
	before = q.nr;
	assert_in_range(count_hints(0), 1, BLOCKS - 1);
	say(what);
	while (fake_queue_answer(&q, 1))
		sim_settle();
	assert_int_equal(count_hints(before), 0);
	assert_int_equal(count_ids(STOP), 1);
}

static void test_stop_ends_a_run(void **state)
{
	(void)state;
	ends_when_told(STOP);
}

static void test_done_ends_a_run(void **state)
{
	(void)state;
	ends_when_told(DONE);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

static void test_a_new_id_begins_a_new_run(void **state)
{
	unsigned int before;

	(void)state;
	say(ID);
	before = q.nr;
	say(STOP);
	say(ID + 1);
	assert_true(is_id(&q.all[before], ID + 1));
	assert_int_equal(count_hints(before), BLOCKS);
	assert_true(is_id(&q.all[q.nr - 1], STOP));
}

/* STOP alone lets go of nothing: the migration goes on. */
static void test_hinted_blocks_stay_until_done(void **state)
{
	(void)state;
	say(ID);
	say(STOP);
	sim_advance(HZ);
	assert_int_equal(vm_free_frames(), 0);
	say(DONE);
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

/* Answers that come after the end of the migration, and long after. */
static void test_done_with_a_slow_device(void **state)
{
	(void)state;
	q.at_once = false;
	say(ID);
	fake_queue_answer(&q, 1);
	sim_settle();
	say(DONE);
	sim_advance(60 * HZ);
	while (fake_queue_answer(&q, 1))
		sim_settle();
	assert_int_equal(vm_free_frames(), BLOCKS * BLOCK_PAGES);
}

/* What goes back under pressure goes through the kernel's own free path. */
static void test_pressure_gets_answered_blocks_back(void **state)
{
	struct shrink_control sc = { .nr_to_scan = 1 };

	(void)state;
	say(ID);
	assert_int_equal(shrinker->count_objects(shrinker, &sc), BLOCKS * BLOCK_PAGES);
	assert_int_equal(shrinker->scan_objects(shrinker, &sc), BLOCK_PAGES);
	assert_int_equal(vm_free_frames(), BLOCK_PAGES);
}

/* A write between hint and answer could be taken for older than the hint. */
static void test_an_unanswered_block_is_not_released(void **state)
{
	struct shrink_control sc = { .nr_to_scan = ~0UL };

	(void)state;
	q.at_once = false;
	say(ID);
	fake_queue_answer(&q, 1);
	sim_settle();
	assert_int_equal(shrinker->scan_objects(shrinker, &sc), SHRINK_STOP);
	assert_int_equal(vm_free_frames(), 0);
}

/* A CPU of the other byte order: little-endian for a modern device, its own for a legacy one. */
static void test_byte_order(void **state)
{
	(void)state;
	for (int modern = 0; modern < 2; modern++) {
		stop();
		sim_big_endian = true;
		start(modern ? 1ULL << VIRTIO_F_VERSION_1 : 0);
		say(ID);
		assert_int_equal(sim_swap(modern, id_in(&q.all[0]), 4), ID);
	}
}

#define with_hinting(test) cmocka_unit_test_setup_teardown(test, open_hinting, close_hinting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_hinting(test_nothing_unasked),
		with_hinting(test_a_run_begins_with_its_id),
		with_hinting(test_ids_are_four_bytes_and_alone),
		with_hinting(test_the_id_is_said_once),
		with_hinting(test_all_free_blocks_are_hinted),
		with_hinting(test_a_run_ends_with_stop),
		with_hinting(test_a_slow_device_is_told_of_the_end),
		with_hinting(test_other_changes_do_not_end_a_run),
		with_hinting(test_stop_ends_a_run),
		with_hinting(test_done_ends_a_run),
		with_hinting(test_a_new_id_begins_a_new_run),
		with_hinting(test_hinted_blocks_stay_until_done),
		with_hinting(test_done_with_a_slow_device),
		with_hinting(test_pressure_gets_answered_blocks_back),
		with_hinting(test_an_unanswered_block_is_not_released),
		with_hinting(test_byte_order),
	};

	return cmocka_run_group_tests_name("hinting", tests, NULL, NULL);
}
