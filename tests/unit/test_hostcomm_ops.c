// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page ops as bytes on their queue (spec/page-ops.md): addresses in bytes,
 * counts in 4 KiB units whatever the guest's page, and what a status means in
 * guest pages.  The test is the device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balloon.h"
#include "fake_queue.h"

#define PAGES	6
#define UNITS	(PAGE_SIZE / 4096)

static struct virtio_balloon vb;
static struct fake_queue ops;
static struct hostcomm_request rq;
static struct page *block, *other;
static int dones, error;

static void note_done(struct hostcomm_request *r, int err)
{
	(void)r;
	dones++;
	error = err;
}

static int open_queue(void **state)
{
	(void)state;
	fake_machine_start(2, 64);
	block = alloc_pages(GFP_KERNEL, 2);
	other = alloc_pages(GFP_KERNEL, 2);
	fake_device_start(1ULL << VIRTIO_F_VERSION_1, &vb);
	fake_queue_start(&ops, "ops", 8, hostcomm_answered);
	memset(&vb, 0, sizeof(vb));
	assert_int_equal(hostcomm_init(&vb.hostcomm, &fake_vdev, &hostcomm_page_ops), 0);
	vb.hostcomm.vqs[HOSTCOMM_VQ_OPS] = &ops.vq;
	hostcomm_start(&vb.hostcomm);
	assert_int_equal(hostcomm_request_init(&vb.hostcomm, &rq, PAGES, PAGES, note_done), 0);
	dones = 0;
	return 0;
}

static int close_queue(void **state)
{
	(void)state;
	hostcomm_stop(&vb.hostcomm);
	hostcomm_request_exit(&rq);
	hostcomm_exit(&vb.hostcomm);
	__free_pages(block, 2);
	__free_pages(other, 2);
	return fake_machine_end();
}

static u64 addr(struct page *page)
{
	return (u64)page_to_pfn(page) * PAGE_SIZE;
}

static void check_op(unsigned int i, u16 type, u32 units, u64 from, u64 to)
{
	struct virtio_balloon_op op;

	memcpy(&op, ops.all[0].data + i * sizeof(op), sizeof(op));
	assert_int_equal(op.type, type);
	assert_int_equal(op.count, units);
	assert_int_equal(op.addr, from);
	assert_int_equal(op.new_addr, to);
}

/* What the device wrote. */
static void answer(u32 status, u32 index)
{
	struct virtio_balloon_ops_status *told = (void *)ops.all[0].status;

	told->status = status;
	told->index = index;
	fake_queue_answer(&ops, 1);
	sim_settle();
	assert_int_equal(dones, 1);
}

/* Neighbours make one range, of all units of their pages. */
static void test_neighbours_are_one_range(void **state)
{
	(void)state;
	hostcomm_begin(&rq, HOSTCOMM_INFLATE);
	assert_true(hostcomm_add(&rq, block, 2));
	assert_true(hostcomm_add(&rq, block + 2, 1));
	assert_true(hostcomm_add(&rq, other + 1, 1));
	hostcomm_submit(&rq);
	check_op(0, VIRTIO_BALLOON_OP_INFLATE, 3 * UNITS, addr(block), 0);
	check_op(1, VIRTIO_BALLOON_OP_INFLATE, UNITS, addr(other + 1), 0);
	answer(VIRTIO_BALLOON_OPS_OK, 0);
	assert_int_equal(error, 0);
	assert_int_equal(rq.acked, 4);
}

static void test_swaps_of_neighbours_are_one(void **state)
{
	(void)state;
	hostcomm_begin(&rq, HOSTCOMM_SWAP);
	for (int i = 0; i < 3; i++)
		assert_true(hostcomm_add_swap(&rq, block + i, other + i));
	hostcomm_submit(&rq);
	check_op(0, VIRTIO_BALLOON_OP_SWAP, 3 * UNITS, addr(block), addr(other));
	answer(VIRTIO_BALLOON_OPS_OK, 0);
	assert_int_equal(rq.acked, 3);
}

/* The operations before the one that failed hold, in guest pages. */
static void test_what_a_refusal_leaves_done(void **state)
{
	(void)state;
	hostcomm_begin(&rq, HOSTCOMM_DEFLATE);
	assert_true(hostcomm_add(&rq, block, 4));
	assert_true(hostcomm_add(&rq, other, 1));
	hostcomm_submit(&rq);
	answer(VIRTIO_BALLOON_OPS_WRONG_STATE, 1);
	assert_int_equal(error, -EBADSLT);
	assert_int_equal(rq.acked, 4);
}

/* Whatever the device writes over the operations: never more than was asked for (I10). */
static void test_counts_written_by_the_device(void **state)
{
	struct virtio_balloon_op *op;

	(void)state;
	hostcomm_begin(&rq, HOSTCOMM_DEFLATE);
	assert_true(hostcomm_add(&rq, block, 4));
	assert_true(hostcomm_add(&rq, other, 1));
	hostcomm_submit(&rq);
	op = (void *)ops.all[0].sg[0].buf;
	op->count = 1000 * UNITS;
	/* The queue compares with what was sent, on behalf of the driver. */
	memcpy(ops.all[0].data, op, sizeof(*op));
	answer(VIRTIO_BALLOON_OPS_WRONG_STATE, 1);
	assert_int_equal(error, -EBADSLT);
	assert_in_range(rq.acked, 0, 5);
}

/* As many bytes at once, whatever the page size; the host takes no longer for larger pages. */
static void test_batches_are_bytes(void **state)
{
	(void)state;
	assert_int_equal(hostcomm_page_ops.batch_pages * PAGE_SIZE, SZ_256M);
	assert_in_range(hostcomm_page_ops.zeroed_pages * PAGE_SIZE, SZ_4M, 5 * SZ_4M);
}

#define with_queue(test) cmocka_unit_test_setup_teardown(test, open_queue, close_queue)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_queue(test_neighbours_are_one_range),
		with_queue(test_swaps_of_neighbours_are_one),
		with_queue(test_what_a_refusal_leaves_done),
		with_queue(test_counts_written_by_the_device),
		cmocka_unit_test(test_batches_are_bytes),
	};

	return cmocka_run_group_tests_name("hostcomm_ops", tests, NULL, NULL);
}
