// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The book against a model that knows of each frame what happened to it: pages
 * come, leave by number and by place, are isolated, put back and moved, in any
 * order, with and without memory for entries.  rig_check() compares the sums and
 * the marks; this one, after each step, every page.
 */
#include <stdlib.h>

#include "rig.h"

#define FRAMES	2048
#define STEPS	1500

enum where { OUT, UNPUBLISHED, IN, ISOLATED };

static struct list_head held;
static unsigned long nr_isolated;

/* By what the frames show, nothing of it by the book's own numbers. */
static enum where where(struct page *page)
{
	if (page->isolated)
		return ISOLATED;
	if (page->owner != VM_BALLOON || page->host != VM_HOST_IN)
		return OUT;
	return vm_owned(page) ? IN : UNPUBLISHED;
}

static void check_book(void)
{
	unsigned long size = 1UL << rig->pages.order, ours = 0, whole = 0;
	DECLARE_BITMAP(map, BALLOON_BLOCK_MAX);

	rig_check_quiet();
	for (unsigned long first = 0; first < FRAMES; first += size) {
		unsigned long in = 0, n = 0, nr = pages_look(&rig->pages, &vm_frames[first], map);

		for (unsigned long i = 0; i < size; i++) {
			enum where w = where(&vm_frames[first + i]);

			sim_check(test_bit(i, map) == (w == IN || w == ISOLATED),
				  "the book says %d of frame %lu, which is at %d",
				  test_bit(i, map), first + i, w);
			n += w == IN || w == ISOLATED;
			in += w == IN;
			ours += w != OUT;
		}
		sim_check(n == nr, "%lu pages in a block, the book says %lu", n, nr);
		whole += in == size ? size : 0;
	}
	sim_check(ours == pages_size(&rig->pages), "%lu pages, the book says %lu", ours,
		  pages_size(&rig->pages));
	/* With those that are not published yet. */
	sim_check(rig->pages.whole >= whole || vm_core_keeps, "%lu pages in whole blocks, not %lu",
		  whole, rig->pages.whole);
}

static void resize(void)
{
	rig_target(sim_rand(FRAMES / 2));
	sim_settle();
	if (sim_rand(2))
		sim_advance(HZ);
}

static void put_back(void)
{
	vm_putback(&held);
	nr_isolated = 0;
}

static void isolate_some(void)
{
	unsigned long from = sim_rand(FRAMES), n = 1 + sim_rand(sim_rand(2) ? 8 : 100);

	for (unsigned long i = from; i < from + n && i < FRAMES; i++)
		nr_isolated += vm_isolate(&vm_frames[i], MIGRATE_ASYNC, &held);
}

static void move_some(void)
{
	struct vm_result r;

	/* The first for which there is no entry finds no memory. */
	sim_allocs_left = sim_rand(3) ? -1 : (int)sim_rand(2);
	r = vm_migrate(&held, MIGRATE_ASYNC);
	sim_allocs_left = -1;
	nr_isolated -= r.moved;
	sim_advance(2);
}

/* By place, and back again at once. */
static void take_block(void)
{
	unsigned long size = 1UL << rig->pages.order, max = 1 + sim_rand(size), nr, n = 0;
	struct page *first = &vm_frames[sim_rand(FRAMES / size) * size], *page;
	LIST_HEAD(chunks);

	nr = pages_take_block(&rig->pages, first, max, &chunks);
	list_for_each_entry(page, &chunks, lru) {
		assert_true(page >= first && page + chunk_pages(page) <= first + size);
		assert_true(page_to_pfn(page) % chunk_pages(page) == 0);
		n += chunk_pages(page);
	}
	assert_int_equal(n, nr);
	assert_true(nr <= max);
	assert_int_equal(rig->pages.exchanging, nr);
	pages_add_exchanged(&rig->pages, &chunks);
	assert_int_equal(rig->pages.exchanging, 0);
}

/* Publishing finds no memory now and then, and goes on later. */
static void publish(void)
{
	sim_allocs_left = sim_rand(3);
	sim_advance(HZ / 20 + 1);
	sim_allocs_left = -1;
	sim_advance(HZ);
	sim_check(list_empty(&rig->pages.arrived), "chunks are still unpublished");
}

static void one_run(uint64_t seed)
{
	void (*const steps[])(void) = { resize, put_back, isolate_some, move_some, take_block,
					publish };

	rig_start(seed, 0, FRAMES, seed % 2 ? 1ULL << VIRTIO_BALLOON_F_PAGE_OPS : 0);
	INIT_LIST_HEAD(&held);
	nr_isolated = 0;
	for (unsigned int i = 0; i < STEPS; i++) {
		steps[sim_rand(ARRAY_SIZE(steps))]();
		/* What migration holds has a reference more. */
		if (!nr_isolated)
			check_book();
		else
			rig_check();
	}
	put_back();
	rig_stop();
}

static void test_any_order(void **state)
{
	unsigned int runs = sim_runs(6);

	for (unsigned int i = 0; i < runs; i++)
		one_run(sim_seed(100 + i));
}

/* Pieces that follow each other leave as one, wherever they came from. */
static void test_pieces_leave_as_large_as_they_lie(void **state)
{
	unsigned long size = 1UL << rig->pages.order;
	struct page *page, *first;
	unsigned int nr = 0;
	LIST_HEAD(chunks);
	LIST_HEAD(isolated);

	rig_inflate(1024);
	rig_publish_blocks();
	first = rig_block();
	assert_true(vm_isolate(&first[size / 2], MIGRATE_ASYNC, &isolated));
	assert_int_equal(pages_take_block(&rig->pages, first, size, &chunks), size - 1);
	list_for_each_entry(page, &chunks, lru)
		nr++;
	/* A half, and the other without its first page: 1, 2, 4, ... */
	assert_int_equal(nr, rig->pages.order);
	pages_add_exchanged(&rig->pages, &chunks);
	vm_putback(&isolated);
	rig_publish_blocks();
	assert_int_equal(rig->pages.whole, 1024);
	rig_check_quiet();
}

/* A free frame of a block that the book has no entry for. */
static struct page *elsewhere(void)
{
	unsigned long size = 1UL << rig->pages.order;
	struct page *page = vm_frames;

	while (page->owner != VM_FREE || rig_block_is_known(page))
		page += size;
	vm_take_frame(page, VM_CORE);
	page->count = 1;
	return page;
}

/* No entry for the new page, and no memory for one: the move is tried again. */
static void test_a_move_without_memory(void **state)
{
	struct vm_result r;
	LIST_HEAD(isolated);

	rig_inflate(1);
	rig_publish_blocks();
	assert_true(vm_isolate(rig_listed(0), MIGRATE_ASYNC, &isolated));
	vm_new_frame = elsewhere;
	sim_allocs_left = 0;
	r = vm_migrate(&isolated, MIGRATE_ASYNC);
	vm_new_frame = NULL;
	assert_int_equal(r.again, 1);
	assert_int_equal(r.moved, 1);
	assert_int_equal(rig->migrate.stats.busy, 1);
	sim_advance(2);
	rig_check_quiet();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		both(test_pieces_leave_as_large_as_they_lie),
		both(test_a_move_without_memory),
	};

	return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
