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

/* A job in the background is not worth that somebody is killed for it (I4). */
#define CENSUS_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

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

/* The first page of a block that is online and the zone's; else NULL. */
static struct page *census_first(struct zone *zone, unsigned long pfn,
				 unsigned long nr)
{
	struct page *page = pfn_to_online_page(pfn);

	/* Nodes may lie interleaved. */
	if (!page || page_zone(page) != zone || page_zone(page + nr - 1) != zone)
		return NULL;
	return page;
}

static void census_block(struct balloon_pages *bp, struct page *page,
			 unsigned long nr, struct consolidate_block *block)
{
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

/* Free pages in a block that is neither free as a whole nor ever will be. */
static unsigned long census_room(const struct consolidate_block *block,
				 unsigned long nr)
{
	if (block->busy == CONSOLIDATE_FIXED)
		return 0;
	return block->busy || block->ballooned ?
	       nr - block->busy - block->ballooned : 0;
}

/* The zones of all nodes in a row.  Return: NULL behind the last. */
static struct zone *census_zone(unsigned int nr)
{
	int nid, i;

	for_each_online_node(nid) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[i];

			if (populated_zone(zone) && !nr--)
				return zone;
		}
	}
	return NULL;
}

/**
 * consolidate_census() - count, and sort by what it costs to make each whole
 * @c: filled in: base, blocks, order, pick, room; @c->zone is the one to look at
 *
 * One zone at a time, so that no exchange takes memory from one for another:
 * a small zone, or a node, would end up all ballooned.
 *
 * Context: may sleep; some 20 ns a page of the guest.
 * Return: 0, -ENOENT behind the last zone, or -ENOMEM; consolidate_forget()
 * frees what was allocated.
 */
int consolidate_census(struct consolidate *c)
{
	unsigned long end, nr = 1UL << c->exchange.order;
	struct zone *zone = census_zone(c->zone);
	unsigned long room = 0;
	u32 i, blocks;

	if (!zone)
		return -ENOENT;
	/* What is left of the first and the last block is too small. */
	c->base = ALIGN(zone->zone_start_pfn, nr);
	end = ALIGN_DOWN(zone_end_pfn(zone), nr);
	blocks = end > c->base ? (end - c->base) / nr : 0;
	c->blocks = kvcalloc(blocks + 1, sizeof(*c->blocks), CENSUS_GFP);
	c->order = kvcalloc(blocks + 1, sizeof(*c->order), CENSUS_GFP);
	if (!c->blocks || !c->order) {
		consolidate_forget(c);
		return -ENOMEM;
	}
	for (i = 0; i < blocks; i++) {
		census_block(&c->vb->pages,
			     census_first(zone, c->base + i * nr, nr), nr,
			     &c->blocks[i]);
		room += census_room(&c->blocks[i], nr);
		cond_resched();
	}
	c->room = room / nr;
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
