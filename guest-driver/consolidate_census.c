// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lies where: counts, block by block, the balloon's single pages and
 * those that would have to move for the block to become whole.  A look without
 * locks: what it says may be untrue a moment later, and whoever acts on it
 * finds out then.
 *
 * Locks: none.  Memory must not be taken away meanwhile (see consolidate.h).
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat/stays.h"
#include "device.h"

enum census_kind { CENSUS_FREE, CENSUS_BALLOONED, CENSUS_BUSY, CENSUS_FIXED };

/*
 * Huge pages of the guest are left whole, locked and pinned ones where they
 * are.  What is neither listed for reclaim nor anonymous is the kernel's.
 */
static enum census_kind census_page(struct balloon_pages *bp, struct page *page)
{
	if (mobility_owns(&bp->mobility, page))
		return CENSUS_BALLOONED;
	if (!page_count(page))
		return PageReserved(page) ? CENSUS_FIXED : CENSUS_FREE;
	if (PageReserved(page) || PageCompound(page) || PageSlab(page) ||
	    PageHWPoison(page))
		return CENSUS_FIXED;
	if (compat_page_stays(page))
		return CENSUS_FIXED;
	return PageLRU(page) || PageAnon(page) ? CENSUS_BUSY : CENSUS_FIXED;
}

static void census_block(struct balloon_pages *bp, unsigned long pfn,
			 unsigned long nr, struct consolidate_block *block)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long i;

	block->ballooned = 0;
	block->busy = page ? 0 : CONSOLIDATE_FIXED;
	for (i = 0; page && i < nr; i++) {
		switch (census_page(bp, page + i)) {
		case CENSUS_BALLOONED:
			block->ballooned++;
			break;
		case CENSUS_BUSY:
			if (block->busy != CONSOLIDATE_FIXED)
				block->busy++;
			break;
		case CENSUS_FIXED:
			block->busy = CONSOLIDATE_FIXED;
			break;
		default:
			break;
		}
	}
}

static void census_span(unsigned long *start, unsigned long *end)
{
	int nid;

	*start = ULONG_MAX;
	*end = 0;
	for_each_online_node(nid) {
		*start = min(*start, node_start_pfn(nid));
		*end = max(*end, node_end_pfn(nid));
	}
}

/**
 * consolidate_census() - count, and sort by what it costs to make each whole
 * @c: filled in: base, blocks, order, pick
 *
 * Context: may sleep; some 20 ns a page of the guest.
 * Return: 0 or -ENOMEM; consolidate_forget() frees what was allocated.
 */
int consolidate_census(struct consolidate *c)
{
	unsigned long start, end, nr = 1UL << c->exchange.order;
	u32 i, blocks;

	census_span(&start, &end);
	/* What is left of the first and the last block is too small. */
	c->base = ALIGN(start, nr);
	end = ALIGN_DOWN(end, nr);
	blocks = end > c->base ? (end - c->base) / nr : 0;
	c->blocks = kvcalloc(blocks, sizeof(*c->blocks), GFP_KERNEL | __GFP_NOWARN);
	c->order = kvcalloc(blocks, sizeof(*c->order), GFP_KERNEL | __GFP_NOWARN);
	if (!c->blocks || !c->order) {
		consolidate_forget(c);
		return -ENOMEM;
	}
	for (i = 0; i < blocks; i++) {
		census_block(&c->vb->pages, c->base + i * nr, nr, &c->blocks[i]);
		cond_resched();
	}
	consolidate_pick_init(&c->pick, c->blocks, blocks, nr, c->order);
	return 0;
}

/**
 * consolidate_forget() - free what a census holds
 * @c: initialised
 */
void consolidate_forget(struct consolidate *c)
{
	kvfree(c->blocks);
	kvfree(c->order);
	c->blocks = NULL;
	c->order = NULL;
}
