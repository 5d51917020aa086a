// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page numbers on the standard queues (VIRTIO 1.4, 5.5.6): which queue, which
 * bytes, and what an answer means.  The test is the device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balloon.h"
#include "fake_queue.h"

#define PAGES	3
#define PFNS	(PAGE_SIZE / 4096)

static struct virtio_balloon vb;
static struct fake_queue inflate, deflate;
static struct hostcomm_request rq;
static struct page *pages[PAGES];
static int dones, error;

static void note_done(struct hostcomm_request *r, int err)
{
	(void)r;
	dones++;
	error = err;
}

static void start(u64 features)
{
	fake_device_start(features, &vb);
	fake_queue_start(&inflate, "inflate", 8, hostcomm_answered);
	fake_queue_start(&deflate, "deflate", 8, hostcomm_answered);
	memset(&vb, 0, sizeof(vb));
	assert_int_equal(hostcomm_init(&vb.hostcomm, &fake_vdev, &hostcomm_pfn_ops), 0);
	vb.hostcomm.vqs[HOSTCOMM_VQ_INFLATE] = &inflate.vq;
	vb.hostcomm.vqs[HOSTCOMM_VQ_DEFLATE] = &deflate.vq;
	hostcomm_start(&vb.hostcomm);
	assert_int_equal(hostcomm_request_init(&vb.hostcomm, &rq, PAGES, PAGES, note_done), 0);
	dones = 0;
}

static void stop(void)
{
	hostcomm_stop(&vb.hostcomm);
	hostcomm_request_exit(&rq);
	hostcomm_exit(&vb.hostcomm);
}

static int open_queues(void **state)
{
	(void)state;
	fake_machine_start(2, 64);
	for (int i = 0; i < PAGES; i++)
		pages[i] = vm_alloc(VM_BALLOON);
	start(1ULL << VIRTIO_F_VERSION_1);
	return 0;
}

static int close_queues(void **state)
{
	(void)state;
	stop();
	for (int i = 0; i < PAGES; i++)
		put_page(pages[i]);
	return fake_machine_end();
}

static void send(enum hostcomm_op op)
{
	hostcomm_begin(&rq, op);
	for (int i = 0; i < PAGES; i++)
		assert_true(hostcomm_add(&rq, pages[i], 1));
	hostcomm_submit(&rq);
}

/* One buffer with the numbers of each page's 4 KiB, in the order they were added. */
static void check_buffer(const struct fake_queue *q, bool swapped)
{
	u32 pfn, n = PAGES * PFNS;

	assert_int_equal(q->nr, 1);
	assert_true(q->all[0].out && q->all[0].kicked);
	assert_int_equal(q->all[0].bytes, n * sizeof(pfn));
	for (u32 i = 0; i < n; i++) {
		memcpy(&pfn, q->all[0].data + i * sizeof(pfn), sizeof(pfn));
		assert_int_equal(sim_swap(swapped, pfn, 4),
				 page_to_pfn(pages[i / PFNS]) * PFNS + i % PFNS);
	}
}

static void test_what_enters_goes_to_inflateq(void **state)
{
	(void)state;
	send(HOSTCOMM_INFLATE);
	check_buffer(&inflate, false);
	assert_int_equal(deflate.nr, 0);
	fake_queue_answer(&inflate, 1);
	sim_settle();
	assert_int_equal(dones, 1);
}

static void test_what_leaves_goes_to_deflateq(void **state)
{
	(void)state;
	send(HOSTCOMM_DEFLATE);
	check_buffer(&deflate, false);
	assert_int_equal(inflate.nr, 0);
	fake_queue_answer(&deflate, 1);
	sim_settle();
	assert_int_equal(dones, 1);
}

/* Nothing is done with a page before the buffer that named it came back. */
static void test_not_done_before_the_answer(void **state)
{
	(void)state;
	send(HOSTCOMM_DEFLATE);
	sim_advance(100 * HZ);
	assert_int_equal(dones, 0);
	fake_queue_answer(&deflate, 1);
	sim_settle();
	assert_int_equal(dones, 1);
}

/* Devices of long ago wrote the length of the buffer there, or anything else. */
static void test_used_length_means_nothing(void **state)
{
	static const unsigned int lengths[] = { 0, 1, PAGES * PFNS * 4, 0xffffffff };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		inflate.used_len = lengths[i];
		send(HOSTCOMM_INFLATE);
		fake_queue_answer(&inflate, 1);
		sim_settle();
		assert_int_equal(dones, i + 1);
		assert_int_equal(error, 0);
		assert_int_equal(rq.acked, PAGES);
	}
}

static void restart(u64 features)
{
	stop();
	start(features);
}

static void look(bool swapped)
{
	send(HOSTCOMM_INFLATE);
	check_buffer(&inflate, swapped);
}

static void test_byte_order(void **state)
{
	(void)state;
	fake_other_byte_order(restart, look);
}

/* As many bytes at once, whatever the page size; the host takes no longer for larger pages. */
static void test_batches_are_bytes(void **state)
{
	(void)state;
	assert_int_equal(hostcomm_pfn_ops.batch_pages * PAGE_SIZE, SZ_8M);
	assert_int_equal(hostcomm_pfn_ops.zeroed_pages * PAGE_SIZE, SZ_8M);
	assert_int_equal(hostcomm_pfn_ops.batch_chunks, hostcomm_pfn_ops.batch_pages);
	/* A number has 32 bits. */
	assert_int_equal(hostcomm_pfn_ops.pfn_limit * PAGE_SIZE, 16ULL << 40);
}

#define with_queues(test) cmocka_unit_test_setup_teardown(test, open_queues, close_queues)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_queues(test_what_enters_goes_to_inflateq),
		with_queues(test_what_leaves_goes_to_deflateq),
		with_queues(test_not_done_before_the_answer),
		with_queues(test_used_length_means_nothing),
		with_queues(test_byte_order),
		cmocka_unit_test(test_batches_are_bytes),
	};

	return cmocka_run_group_tests_name("hostcomm_pfn", tests, NULL, NULL);
}
