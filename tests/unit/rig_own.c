// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of the device of rig.h where the driver keeps them itself: finding
 * one, and I3 at any moment at which balloon_pages.lock is free.  rig_core.c is
 * the other kind.
 */
#include "rig.h"

/* All in single pages, as compaction leaves them. */
void rig_break_blocks(void)
{
	LIST_HEAD(isolated);

	rig_publish_blocks();
	while (!list_empty(&rig->pages.blocks)) {
		assert_true(vm_isolate(rig_block(), MIGRATE_ASYNC, &isolated));
		vm_putback(&isolated);
	}
}

/* The first page of the oldest settled block. */
struct page *rig_block(void)
{
	sim_check(!list_empty(&rig->pages.blocks), "no block where the test needs one");
	return list_first_entry(&rig->pages.blocks, struct page, lru);
}

/* A page on the list, so many after the oldest. */
struct page *rig_listed(unsigned long skip)
{
	struct page *page;

	list_for_each_entry(page, &rig->pages.list, lru)
		if (!skip--)
			return page;
	sim_fail("fewer pages on the list than the test needs");
}

/* Pages of the blocks on a list; in unpublished ones only the first is known. */
static unsigned long check_blocks(struct list_head *blocks, bool settled)
{
	unsigned long pages = 0;
	struct page *first;

	list_for_each_entry(first, blocks, lru) {
		unsigned long n = chunk_pages(first);

		sim_check(n > 1 || !settled, "a block of one page");
		for (unsigned long i = 0; i < n; i++) {
			sim_check(first[i].host == VM_HOST_IN || !host.ready,
				  "a page of a block while host state is %d", first[i].host);
			sim_check(first[i].offline == settled, "page %lu of %lu: offline %d", i, n,
				  first[i].offline);
			sim_check(!settled || page_state(&first[i]) == BALLOON_PAGE_BLOCK,
				  "page %lu of a block in state %d", i, page_state(&first[i]));
		}
		pages += n;
	}
	return pages;
}

static unsigned long check_list(struct balloon_pages *bp)
{
	unsigned long pages = 0;
	struct page *page;

	list_for_each_entry(page, &bp->list, lru) {
		sim_check(page->offline && page_state(page) == BALLOON_PAGE_LISTED,
			  "a page on the list is in state %d", page_state(page));
		sim_check(page->host == VM_HOST_IN || !host.ready,
			  "a page on the list while host state is %d", page->host);
		pages++;
	}
	return pages;
}

/* I3 as far as it holds at any moment that balloon_pages.lock is not held. */
void rig_check(void)
{
	unsigned long state[BALLOON_PAGE_STATE_MASK + 1] = {}, listed, whole;
	struct balloon_pages *bp = &rig->pages;

	if (bp->lock.owner)
		return;
	listed = check_list(bp);
	whole = check_blocks(&bp->unpublished, false) + check_blocks(&bp->blocks, true);
	for (unsigned long i = 0; i < vm_nr_frames; i++) {
		struct page *page = &vm_frames[i];

		if (!page->offline)
			continue;
		state[page_state(page)]++;
		sim_check(page_state(page) != BALLOON_PAGE_ISOLATED || page->host == VM_HOST_IN,
			  "an isolated page while host state is %d", page->host);
	}
	sim_check(listed == bp->listed && state[BALLOON_PAGE_LISTED] == bp->listed,
		  "%lu on the list, %lu so marked, counted %lu (I3)", listed,
		  state[BALLOON_PAGE_LISTED], bp->listed);
	sim_check(whole == bp->whole, "%lu in blocks, counted %lu (I3)", whole, bp->whole);
	sim_check(state[BALLOON_PAGE_ISOLATED] == bp->isolated, "%lu isolated, counted %lu (I3)",
		  state[BALLOON_PAGE_ISOLATED], bp->isolated);
	/* A refused one is counted until the old page is back in its place. */
	sim_check(state[BALLOON_PAGE_PENDING] <= bp->pending, "%lu pending, counted %lu (I3)",
		  state[BALLOON_PAGE_PENDING], bp->pending);
}
