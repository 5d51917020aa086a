// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page locks that others hold: of a page that is the balloon's no more, and of
 * one that comes back into it.
 */
#include "explore.h"
#include "rig.h"

static struct page *page;
static unsigned int became_guests;

static void take_it(void *arg)
{
	LIST_HEAD(chunks);

	pages_take_block(&rig->pages, page, 1, &chunks);
	pages_add_exchanged(&rig->pages, &chunks);
}

/* The page moves away, its frame is freed, and somebody in the guest gets it. */
static void lose_it(void *arg)
{
	LIST_HEAD(isolated);

	if (!vm_isolate(page, MIGRATE_ASYNC, &isolated))
		return;
	vm_migrate(&isolated, MIGRATE_ASYNC);
	vm_putback(&isolated);
	migrate_flush(&rig->migrate);
	hostcomm_reap(&rig->hostcomm, false);
	if (page->owner != VM_FREE)
		return;
	vm_take_frame(page, VM_GUEST);
	page->count = 1;
	became_guests++;
}

/* The model stops whoever locks a page that the guest has just been given. */
static void test_a_page_of_somebody_else_is_not_locked(void **state)
{
	became_guests = 0;
	explore_start("a page that becomes somebody else's");
	while (explore_next()) {
		rig_start(1, 0, 64, 1ULL << VIRTIO_BALLOON_F_PAGE_OPS);
		rig_inflate(8);
		rig_break_blocks();
		page = rig_listed(0);
		sim_spawn("taker", take_it, NULL);
		sim_spawn("compaction", lose_it, NULL);
		explore_arm(1);
		sim_join();
		explore_arm(0);
		if (page->owner == VM_GUEST)
			put_page(page);
		rig_stop();
	}
	assert_true(became_guests > 0);
}

static void hold_lock(void *arg)
{
	lock_page(page);
	sim_sleep(HZ);
	unlock_page(page);
}

/*
 * The host refuses to let a page go while somebody holds its lock, as compaction
 * does that saw it movable before: it is movable again later, and may leave.
 */
static void test_a_page_enters_again_while_locked(void **state)
{
	LIST_HEAD(isolated);

	rig_settled(500);
	host.refuse = 1;
	host.refuse_op = HOSTCOMM_DEFLATE;
	host.refuse_after = 0;
	host.refuse_err = -EBADSLT;
	rig_target(499);
	sim_settle();
	for (page = vm_frames; page->host != VM_HOST_LEAVING; page++)
		assert_true(page < &vm_frames[vm_nr_frames - 1]);
	sim_spawn("somebody", hold_lock, NULL);
	sim_settle();
	rig_target(500);
	fake_host_answer_all();
	assert_int_equal(host.refuse, 0);
	host.at_once = true;
	assert_int_equal(pages_size(&rig->pages), 500);
	sim_advance(5 * HZ);
	rig_check_quiet();
	assert_int_equal(page->host, VM_HOST_IN);
	assert_true(vm_isolate(page, MIGRATE_ASYNC, &isolated));
	vm_putback(&isolated);
	rig_inflate(0);
}

/* A bad page, for one: it leaves the balloon with the others, and stays that somebody's. */
static void test_a_page_that_somebody_keeps(void **state)
{
	rig_settled(100);
	page = rig_listed(3);
	get_page(page);
	host.at_once = true;
	rig_target(0);
	sim_advance(5 * HZ);
	assert_int_equal(pages_size(&rig->pages), 0);
	assert_int_equal(page->count, 1);
	put_page(page);
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_of_somebody_else_is_not_locked),
		with_ops(test_a_page_enters_again_while_locked),
		both(test_a_page_that_somebody_keeps),
	};

	return cmocka_run_group_tests_name("page_locks", tests, NULL, NULL);
}
