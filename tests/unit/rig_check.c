// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * I3 on the device of rig.h: what holds at any moment at which
 * balloon_pages.lock is free, and what holds at quiet ones.  Counts for itself:
 * frames, marks and the host's beliefs, never the driver's own numbers alone.
 */
#include "rig.h"

/* Pages of the blocks on a list; in young ones only the first is known. */
static unsigned long check_blocks(struct list_head *blocks, bool settled)
{
	unsigned long pages = 0;
	struct page *first;

	list_for_each_entry(first, blocks, lru) {
		unsigned long n = chunk_pages(first);

		sim_check(n > 1, "a block of one page");
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
	whole = check_blocks(&bp->young, false) + check_blocks(&bp->blocks, true);
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
	sim_check(state[BALLOON_PAGE_ARRIVING] <= bp->arriving, "%lu arriving, counted %lu (I3)",
		  state[BALLOON_PAGE_ARRIVING], bp->arriving);
}

static void check_frames(unsigned long size)
{
	sim_check(vm_count(VM_BALLOON) == size, "the driver holds %lu frames, says %lu (I3)",
		  vm_count(VM_BALLOON), size);
	sim_check(vm_count_host(VM_HOST_IN) == size, "the host counts %lu frames, we %lu (I3)",
		  vm_count_host(VM_HOST_IN), size);
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		sim_check(vm_frames[i].owner != VM_BALLOON || vm_frames[i].count == 1 ||
			  (!vm_frames[i].offline && !vm_frames[i].count),
			  "frame %lu has %d references at rest", i, vm_frames[i].count);
}

/* The whole of I3: nothing on its way, no page in migration's hands. */
void rig_check_rest(void)
{
	struct balloon_pages *bp = &rig->pages;
	unsigned long size;
	long managed = 0;

	rig_check();
	size = pages_size(bp);
	sim_check(!rig->hostcomm.inflight, "%u requests out", rig->hostcomm.inflight);
	sim_check(!bp->exchanging, "%lu pages in an exchange", bp->exchanging);
	sim_check(bp->listed + bp->whole + bp->settling == size, "%lu pages, %lu at rest", size,
		  bp->listed + bp->whole + bp->settling);
	check_frames(size);
	sim_check(vm_events[BALLOON_INFLATE] - vm_events[BALLOON_DEFLATE] == (long)size,
		  "events count %ld pages, there are %lu",
		  vm_events[BALLOON_INFLATE] - vm_events[BALLOON_DEFLATE], size);
	for (int z = 0; z < VM_ZONES; z++)
		managed += vm_zone[z].managed;
	if (rig->managed)
		sim_check(managed + size == vm_nr_frames, "%ld managed and %lu ballooned of %lu",
			  managed, size, vm_nr_frames);
}

/* The same, once all that can happen now has happened. */
void rig_check_quiet(void)
{
	sim_settle();
	rig_check_rest();
}
