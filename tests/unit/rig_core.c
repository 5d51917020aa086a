// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of the device of rig.h where the kernel's balloon core keeps them:
 * finding one, and I3 at any moment at which neither balloon_pages.lock nor the
 * core's is held.  rig_own.c is the other kind.
 */
#include "rig.h"
#include "vm_core.h"

/* All in single pages. */
void rig_break_blocks(void)
{
	rig_publish_blocks();
	while (blocks_break_one(&rig->pages))
		;
}

/* The first page of the oldest settled block. */
struct page *rig_block(void)
{
	sim_check(!list_empty(&rig->pages.blocks), "no block where the test needs one");
	return list_first_entry(&rig->pages.blocks, struct mobility_bag, node)->first;
}

/* A single page, so many after the oldest. */
struct page *rig_listed(unsigned long skip)
{
	struct page *page, *next;

	list_for_each_entry_safe_reverse(page, next, &rig->pages.mobility.singles.info.pages, lru)
		if (!skip--)
			return page;
	sim_fail("fewer single pages than the test needs");
}

static void check_host(const struct page *page)
{
	sim_check(page->host == VM_HOST_IN || !host.ready,
		  "frame %lu is in the balloon while host state is %d", vm_index(page), page->host);
}

/* The first page may have been in a settled block before, and show it. */
static unsigned long check_unpublished(struct balloon_pages *bp)
{
	unsigned long pages = 0;
	struct page *first;

	list_for_each_entry(first, &bp->unpublished, lru) {
		unsigned long n = chunk_pages(first);

		sim_check(n > 1, "a block of one page");
		for (unsigned long i = 0; i < n; i++) {
			check_host(&first[i]);
			sim_check(!vm_owned(&first[i]) && (!i || !first[i].offline),
				  "page %lu of %lu can be moved already", i, n);
		}
		pages += n;
	}
	return pages;
}

/* What leaves a bag stays among the isolated until the callback has returned. */
static void check_bag(struct mobility_bag *bag)
{
	unsigned long n = 0;
	struct page *page;

	list_for_each_entry(page, &bag->info.pages, lru) {
		check_host(page);
		sim_check(vm_owned(page) && page->private == (unsigned long)&bag->info,
			  "frame %lu is not the bag's that it is in", vm_index(page));
		sim_check(!bag->first || (page >= bag->first && page < bag->first + bag->pages),
			  "frame %lu is in another block's bag", vm_index(page));
		n++;
	}
	sim_check(n <= bag->left && bag->left <= n + bag->info.isolated_pages,
		  "%lu pages in a bag, %lu isolated, counted %lu (I3)", n, bag->info.isolated_pages,
		  bag->left);
}

void rig_check(void)
{
	struct balloon_pages *bp = &rig->pages;
	struct mobility_bag *bag;
	unsigned long settled = 0, unpublished;

	if (bp->lock.owner || vm_core_busy())
		return;
	check_bag(&bp->mobility.singles);
	sim_check(bp->listed == bp->mobility.singles.left, "%lu single pages, counted %lu (I3)",
		  bp->mobility.singles.left, bp->listed);
	list_for_each_entry(bag, &bp->blocks, node) {
		check_bag(bag);
		settled += bag->left;
	}
	list_for_each_entry(bag, &bp->mobility.spent, node) {
		check_bag(bag);
		sim_check(!bag->left, "%lu pages in a spent bag", bag->left);
	}
	unpublished = check_unpublished(bp);
	sim_check(settled + unpublished == bp->whole, "%lu in blocks, counted %lu (I3)",
		  settled + unpublished, bp->whole);
	sim_check(vm_balloon_pages == (long)(settled + bp->listed),
		  "the node counts %ld pages, we %lu (I3)", vm_balloon_pages, settled + bp->listed);
}
