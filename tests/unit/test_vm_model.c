// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model itself, measured with a driver of a few lines that does as the
 * kernel's contract for movable pages says, or plainly does not: what the
 * other tests rest on must be able to fail.
 */
#include "rig.h"

static LIST_HEAD(mine);
static int answer_for, answers_left;
static bool release_at_isolate;

static bool toy_isolate(struct page *page, isolate_mode_t mode)
{
	list_del(&page->lru);
	if (release_at_isolate) {
		__ClearPageMovable(page);
		put_page(page);
	}
	return true;
}

static const struct movable_operations toy_ops;

static int toy_migrate(struct page *new, struct page *page, enum migrate_mode mode)
{
	if (answers_left-- > 0)
		return answer_for;
	get_page(new);
	__SetPageMovable(new, &toy_ops);
	list_add(&new->lru, &mine);
	__ClearPageMovable(page);
	put_page(page);
	return 0;
}

static void toy_putback(struct page *page)
{
	list_add(&page->lru, &mine);
}

static const struct movable_operations toy_ops = {
	.isolate_page = toy_isolate,
	.migrate_page = toy_migrate,
	.putback_page = toy_putback,
};

static int open_toy(void **state)
{
	sim_start(sim_seed(1), 0);
	sim_work_start(0);
	vm_start(64);
	INIT_LIST_HEAD(&mine);
	answers_left = 0;
	release_at_isolate = false;
	for (int i = 0; i < 8; i++) {
		struct page *page = vm_alloc(VM_BALLOON);

		lock_page(page);
		__SetPageMovable(page, &toy_ops);
		page->host = VM_HOST_OUT;
		list_add(&page->lru, &mine);
		unlock_page(page);
	}
	return 0;
}

/* Frees what the toy holds: the model says if anything is left or freed twice. */
static int close_toy(void **state)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &mine, lru) {
		list_del(&page->lru);
		lock_page(page);
		__ClearPageMovable(page);
		unlock_page(page);
		put_page(page);
	}
	vm_end();
	sim_end();
	return 0;
}

static struct page *first_of_mine(void)
{
	struct page *page = list_first_entry(&mine, struct page, lru);

	/* The toy has no host; isolation asks for one. */
	page->host = VM_HOST_IN;
	return page;
}

static struct vm_result run(struct page *page, enum migrate_mode mode)
{
	struct vm_result r;
	LIST_HEAD(isolated);

	assert_true(vm_isolate(page, mode, &isolated));
	page->host = VM_HOST_OUT;
	r = vm_migrate(&isolated, mode);
	vm_putback(&isolated);
	return r;
}

static void test_moves_and_frees_the_old_frame(void **state)
{
	struct page *page = first_of_mine();
	struct vm_result r = run(page, MIGRATE_ASYNC);

	assert_int_equal(r.moved, 1);
	assert_int_equal(page->owner, VM_FREE);
	assert_int_equal(vm_count(VM_BALLOON), 8);
	assert_int_equal(vm_count(VM_CORE), 0);
}

static void test_again_is_tried_ten_times(void **state)
{
	struct page *page = first_of_mine();
	struct vm_result r;

	answer_for = -EAGAIN;
	answers_left = 9;
	r = run(page, MIGRATE_ASYNC);
	assert_int_equal(r.calls, 10);
	assert_int_equal(r.moved, 1);

	answers_left = 10;
	r = run(first_of_mine(), MIGRATE_SYNC);
	assert_int_equal(r.calls, 10);
	assert_int_equal(r.failed, 1);
	assert_int_equal(vm_count(VM_BALLOON), 8);
}

static void test_busy_is_tried_once(void **state)
{
	struct vm_result r;

	answer_for = -EBUSY;
	answers_left = 5;
	r = run(first_of_mine(), MIGRATE_SYNC);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.failed, 1);
}

static void test_freed_under_us(void **state)
{
	struct page *page = first_of_mine();
	struct vm_result r;

	release_at_isolate = true;
	r = run(page, MIGRATE_ASYNC);
	assert_int_equal(r.freed_under_us, 1);
	assert_int_equal(r.calls, 0);
	assert_int_equal(page->owner, VM_FREE);
	assert_int_equal(vm_count(VM_BALLOON), 7);
}

static void test_isolated_page_is_not_isolated_again(void **state)
{
	struct page *page = first_of_mine();
	LIST_HEAD(one);
	LIST_HEAD(other);

	assert_true(vm_isolate(page, MIGRATE_ASYNC, &one));
	assert_false(vm_isolate(page, MIGRATE_ASYNC, &other));
	assert_true(list_empty(&other));
	assert_int_equal(page->count, 2);
	vm_putback(&one);
	assert_int_equal(page->count, 1);
	page->host = VM_HOST_OUT;
}

static void test_locked_page_is_skipped(void **state)
{
	struct page *page = first_of_mine();
	LIST_HEAD(isolated);

	lock_page(page);
	assert_false(vm_isolate(page, MIGRATE_ASYNC, &isolated));
	unlock_page(page);
	assert_int_equal(page->count, 1);
	page->host = VM_HOST_OUT;
}

static void test_free_and_plain_frames_are_skipped(void **state)
{
	struct page *plain = vm_alloc(VM_GUEST);
	LIST_HEAD(isolated);

	for (unsigned long i = 0; i < vm_nr_frames; i++)
		if (vm_frames[i].owner != VM_BALLOON)
			assert_false(vm_isolate(&vm_frames[i], MIGRATE_SYNC, &isolated));
	assert_int_equal(plain->count, 1);
	put_page(plain);
}

static void sleeper(void *arg)
{
	struct page *page = arg;

	lock_page(page);
	sim_sleep(7);
	unlock_page(page);
}

static void test_tasks_wait_for_page_locks(void **state)
{
	struct page *page = vm_alloc(VM_BALLOON);
	unsigned long before = jiffies;

	sim_spawn("sleeper", sleeper, page);
	sim_settle();
	lock_page(page);
	assert_int_equal(jiffies - before, 7);
	unlock_page(page);
	sim_join();
	put_page(page);
}

#define with_toy(test) cmocka_unit_test_setup_teardown(test, open_toy, close_toy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_toy(test_moves_and_frees_the_old_frame),
		with_toy(test_again_is_tried_ten_times),
		with_toy(test_busy_is_tried_once),
		with_toy(test_freed_under_us),
		with_toy(test_isolated_page_is_not_isolated_again),
		with_toy(test_locked_page_is_skipped),
		with_toy(test_free_and_plain_frames_are_skipped),
		with_toy(test_tasks_wait_for_page_locks),
	};

	return cmocka_run_group_tests_name("vm_model", tests, NULL, NULL);
}
