// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Life of a request: full rings, answers out of order across queues, waits and
 * what ends them (I6), a reset with requests out.  The requests are the test's
 * own, beside those of a device that has nothing else to do.
 */
#include "rig.h"

#define REQUESTS	8
#define PAGES		4

static struct hostcomm_request rq[REQUESTS];
static struct page *pages[REQUESTS][PAGES];
static int dones[REQUESTS], errors[REQUESTS], order[REQUESTS], nr_done;
static bool orphaned[REQUESTS];

static void note_done(struct hostcomm_request *r, int err)
{
	int i = r - rq;

	sim_check(!sim_current->nr_held, "done() with %s held", sim_current->held[0]);
	dones[i]++;
	errors[i] = err;
	orphaned[i] = r->orphaned;
	order[nr_done++] = i;
}

static int open_requests(void **state)
{
	rig_open(state);
	host.at_once = false;
	memset(rq, 0, sizeof(rq));
	memset(dones, 0, sizeof(dones));
	memset(errors, 0, sizeof(errors));
	nr_done = 0;
	for (int i = 0; i < REQUESTS; i++) {
		assert_int_equal(hostcomm_request_init(&rig->hostcomm, &rq[i], PAGES, PAGES,
						       note_done), 0);
		for (int p = 0; p < PAGES; p++)
			pages[i][p] = vm_alloc(VM_BALLOON);
	}
	return 0;
}

/* The host forgets with the reset; the frames are the test's to free. */
static int close_requests(void **state)
{
	if (rig)
		rig_remove();
	for (int i = 0; i < REQUESTS; i++) {
		hostcomm_request_exit(&rq[i]);
		for (int p = 0; p < PAGES; p++)
			put_page(pages[i][p]);
	}
	return rig_close(state);
}

static void send(int i, enum hostcomm_op op)
{
	hostcomm_begin(&rq[i], op);
	for (int p = 0; p < PAGES; p++)
		assert_true(hostcomm_add(&rq[i], pages[i][p], 1));
	assert_false(hostcomm_add(&rq[i], pages[0][0], 1));
	assert_int_equal(rq[i].pages, PAGES);
	hostcomm_submit(&rq[i]);
}

static bool is_done(void *arg)
{
	return dones[(struct hostcomm_request *)arg - rq];
}

static void test_done_once_with_the_answer(void **state)
{
	send(0, HOSTCOMM_INFLATE);
	sim_advance(HZ);
	assert_int_equal(dones[0], 0);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_settle();
	assert_int_equal(dones[0], 1);
	assert_int_equal(errors[0], 0);
	assert_int_equal(rq[0].acked, PAGES);
	send(0, HOSTCOMM_DEFLATE);
	fake_host_answer(HOSTCOMM_VQ_DEFLATE, 1);
	sim_settle();
	assert_int_equal(dones[0], 2);
	assert_int_equal(rig->hostcomm.inflight, 0);
}

static void test_a_full_ring_keeps_the_order(void **state)
{
	host.room = 2;
	for (int i = 0; i < REQUESTS; i++)
		send(i, HOSTCOMM_INFLATE);
	assert_int_equal(host.posts[HOSTCOMM_INFLATE], 2);
	for (int i = 0; i < REQUESTS; i++) {
		assert_int_equal(fake_host_answer(HOSTCOMM_VQ_INFLATE, 1), 1);
		sim_settle();
		assert_int_equal(nr_done, i + 1);
	}
	for (int i = 0; i < REQUESTS; i++)
		assert_int_equal(order[i], i);
	assert_int_equal(rig->hostcomm.stats.pages[HOSTCOMM_INFLATE], REQUESTS * PAGES);
}

/* Two queues: one's answers do not wait for the other's. */
static void test_answers_out_of_order_across_queues(void **state)
{
	send(0, HOSTCOMM_INFLATE);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_settle();
	send(1, HOSTCOMM_INFLATE);
	send(0, HOSTCOMM_DEFLATE);
	fake_host_answer(HOSTCOMM_VQ_DEFLATE, 1);
	sim_settle();
	assert_int_equal(dones[0], 2);
	assert_int_equal(dones[1], 0);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_settle();
	assert_int_equal(dones[1], 1);
}

static void answer_later(void *arg)
{
	sim_sleep(17);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
}

static void answer_deflate(void *arg)
{
	sim_sleep(17);
	fake_host_answer(HOSTCOMM_VQ_DEFLATE, 1);
}

static void test_a_wait_ends_with_the_answer(void **state)
{
	unsigned long before = jiffies;

	send(0, HOSTCOMM_INFLATE);
	sim_spawn("host", answer_later, NULL);
	assert_true(hostcomm_wait(&rig->hostcomm, false, is_done, &rq[0], 5 * HZ));
	assert_int_equal(jiffies - before, 17);
	sim_join();
}

static void test_a_wait_ends_without_an_answer(void **state)
{
	unsigned long before = jiffies;

	send(0, HOSTCOMM_INFLATE);
	assert_false(hostcomm_wait(&rig->hostcomm, false, is_done, &rq[0], 40));
	assert_int_equal(jiffies - before, 40);
	assert_false(hostcomm_drain(&rig->hostcomm, 3));
	assert_int_equal(jiffies - before, 43);
	/* Late, but not lost. */
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	assert_true(hostcomm_drain(&rig->hostcomm, HZ));
	assert_int_equal(dones[0], 1);
}

static void test_a_broken_device_is_not_waited_for(void **state)
{
	unsigned long before = jiffies;

	send(0, HOSTCOMM_INFLATE);
	host.broken = true;
	assert_true(hostcomm_broken(&rig->hostcomm));
	assert_false(hostcomm_wait(&rig->hostcomm, false, is_done, &rq[0], 5 * HZ));
	assert_int_equal(jiffies, before);
}

/* The waiter reads answers for itself: with all workers asleep it goes on. */
static void block_worker(struct work_struct *w)
{
	sim_sleep(100);
}

static void test_a_waiter_needs_no_worker(void **state)
{
	struct work_struct blocker[3];
	unsigned long before = jiffies;

	for (int i = 0; i < 3; i++) {
		INIT_WORK(&blocker[i], block_worker);
		queue_work(system_unbound_wq, &blocker[i]);
	}
	sim_settle();
	send(0, HOSTCOMM_INFLATE);
	sim_spawn("host", answer_later, NULL);
	assert_true(hostcomm_wait(&rig->hostcomm, false, is_done, &rq[0], 5 * HZ));
	assert_int_equal(jiffies - before, 17);
	sim_join();
	sim_advance(200);
}

static void test_a_reset_ends_all_requests(void **state)
{
	host.room = 3;
	for (int i = 0; i < REQUESTS; i++)
		send(i, HOSTCOMM_INFLATE);
	/* Some answered and unread, some posted, the rest still waiting for room. */
	sim_odds(0);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	virtio_reset_device(&rig_vdev);
	hostcomm_stop(&rig->hostcomm);
	assert_int_equal(nr_done, REQUESTS);
	for (int i = 0; i < REQUESTS; i++)
		assert_int_equal(dones[i], 1);
	assert_int_equal(errors[REQUESTS - 1], -ENODEV);
	assert_int_equal(rig->hostcomm.inflight, 0);
	assert_true(hostcomm_broken(&rig->hostcomm));
}

static void resubmit(struct hostcomm_request *r, int err)
{
	note_done(r, err);
	if (r == &rq[0])
		send(1, HOSTCOMM_INFLATE);
}

/* A done() that sends another request, as a batch of moves does. */
static void test_a_reset_ends_what_done_submits(void **state)
{
	rq[0].done = resubmit;
	send(0, HOSTCOMM_INFLATE);
	virtio_reset_device(&rig_vdev);
	hostcomm_stop(&rig->hostcomm);
	assert_int_equal(dones[0], 1);
	assert_int_equal(dones[1], 1);
	assert_int_equal(errors[1], -ENODEV);
	assert_int_equal(rig->hostcomm.inflight, 0);
}

/* Its answer knows that nobody waits; the next trip is another matter. */
static void test_a_request_that_nobody_waits_for(void **state)
{
	unsigned long before = jiffies;

	send(0, HOSTCOMM_INFLATE);
	assert_false(hostcomm_is_idle(&rq[0]));
	assert_false(hostcomm_await(&rq[0], 40));
	assert_int_equal(jiffies - before, 40);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_settle();
	assert_int_equal(dones[0], 1);
	assert_true(orphaned[0]);
	assert_true(hostcomm_await(&rq[0], 40));
	assert_int_equal(jiffies - before, 40);

	send(0, HOSTCOMM_DEFLATE);
	sim_spawn("host", answer_deflate, NULL);
	assert_true(hostcomm_await(&rq[0], 40));
	assert_int_equal(dones[0], 2);
	assert_false(orphaned[0]);
	sim_join();
}

static void end_waits(void *arg)
{
	sim_sleep(17);
	hostcomm_end_waits(&rig->hostcomm, true);
}

static void test_waits_are_ended(void **state)
{
	unsigned long before = jiffies;

	send(0, HOSTCOMM_INFLATE);
	sim_spawn("stop", end_waits, NULL);
	assert_false(hostcomm_await(&rq[0], 5 * HZ));
	assert_int_equal(jiffies - before, 17);
	assert_false(hostcomm_await(&rq[0], 5 * HZ));
	assert_int_equal(jiffies - before, 17);
	hostcomm_end_waits(&rig->hostcomm, false);
	assert_false(hostcomm_await(&rq[0], 3));
	assert_int_equal(jiffies - before, 20);
	sim_join();
}

static void test_silence_is_said_once(void **state)
{
	unsigned int before = sim_log_lines;

	sim_advance(30 * HZ);
	assert_int_equal(sim_log_lines, before);
	send(0, HOSTCOMM_INFLATE);
	sim_advance(60 * HZ);
	assert_int_equal(sim_log_lines, before + 1);
	fake_host_answer(HOSTCOMM_VQ_INFLATE, 1);
	sim_advance(30 * HZ);
	assert_int_equal(sim_log_lines, before + 2);
}

#define with_requests(test) cmocka_unit_test_setup_teardown(test, open_requests, close_requests)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_requests(test_done_once_with_the_answer),
		with_requests(test_a_full_ring_keeps_the_order),
		with_requests(test_answers_out_of_order_across_queues),
		with_requests(test_a_wait_ends_with_the_answer),
		with_requests(test_a_wait_ends_without_an_answer),
		with_requests(test_a_broken_device_is_not_waited_for),
		with_requests(test_a_waiter_needs_no_worker),
		with_requests(test_a_reset_ends_all_requests),
		with_requests(test_a_reset_ends_what_done_submits),
		with_requests(test_a_request_that_nobody_waits_for),
		with_requests(test_waits_are_ended),
		with_requests(test_silence_is_said_once),
	};

	return cmocka_run_group_tests_name("hostcomm", tests, NULL, NULL);
}
