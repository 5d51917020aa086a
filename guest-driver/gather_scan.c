// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lies where: counts, block by block, the balloon's pages, by its book, and
 * those that would have to move for the block to become whole.  A look without
 * locks: what it says may be untrue a moment later, and whoever acts on it
 * finds out then.
 *
 * Locks: none.  Memory must not be taken away meanwhile (see gather.h).
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat/stays.h"
#include "balloon.h"

/* A job in the background is not worth that somebody is killed for it (I4). */
#define SCAN_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

enum scan_kind { SCAN_FREE, SCAN_IN_USE, SCAN_UNMOVABLE };

/*
 * Huge pages of the guest are left whole, locked and pinned ones where they
 * are.  What is neither listed for reclaim nor anonymous is the kernel's.
 */
static enum scan_kind scan_page(struct page *page)
{
	if (!page_count(page))
		return PageReserved(page) ? SCAN_UNMOVABLE : SCAN_FREE;
	if (PageReserved(page) || PageCompound(page) || PageSlab(page) ||
	    PageHWPoison(page))
		return SCAN_UNMOVABLE;
	if (compat_page_stays(page))
		return SCAN_UNMOVABLE;
	return PageLRU(page) || PageAnon(page) ? SCAN_IN_USE : SCAN_UNMOVABLE;
}

/* The first page of a block that is online and the zone's; else NULL. */
static struct page *scan_first(struct zone *zone, unsigned long pfn,
			       unsigned long nr)
{
	struct page *page = pfn_to_online_page(pfn);

	/* Nodes may lie interleaved. */
	if (!page || page_zone(page) != zone || page_zone(page + nr - 1) != zone)
		return NULL;
	return page;
}

static void scan_block(struct balloon_pages *bp, struct page *page,
		       unsigned long nr, struct gather_block *block)
{
	DECLARE_BITMAP(ours, BALLOON_BLOCK_MAX);
	unsigned long i;

	block->ballooned = page ? pages_look(bp, page, ours) : 0;
	block->in_use = page ? 0 : GATHER_UNMOVABLE;
	if (!page)
		return;
	for_each_clear_bit(i, ours, nr) {
		switch (scan_page(page + i)) {
		case SCAN_IN_USE:
			if (block->in_use != GATHER_UNMOVABLE)
				block->in_use++;
			break;
		case SCAN_UNMOVABLE:
			block->in_use = GATHER_UNMOVABLE;
			break;
		default:
			break;
		}
	}
}

/* Free pages in a block that is neither free as a whole nor ever will be. */
static unsigned long scan_room(const struct gather_block *block,
			       unsigned long nr)
{
	if (block->in_use == GATHER_UNMOVABLE)
		return 0;
	return block->in_use || block->ballooned ?
	       nr - block->in_use - block->ballooned : 0;
}

/* The zones of all nodes in a row.  Return: NULL behind the last. */
static struct zone *scan_zone(unsigned int nr)
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
 * gather_scan() - count, and sort by what it costs to make each whole
 * @c: filled in: base, blocks, order, pick, room; @c->zone is the one to look at
 *
 * One zone at a time, so that no exchange takes memory from one for another:
 * a small zone, or a node, would end up all ballooned.
 *
 * Context: may sleep; some 20 ns a page of the guest.
 * Return: 0, -ENOENT behind the last zone, or -ENOMEM; gather_forget()
 * frees what was allocated.
 */
int gather_scan(struct gather *c)
{
	unsigned long end, nr = 1UL << c->exchange.order;
	struct zone *zone = scan_zone(c->zone);
	unsigned long room = 0;
	u32 i, blocks;

	if (!zone)
		return -ENOENT;
	/* What is left of the first and the last block is too small. */
	c->base = ALIGN(zone->zone_start_pfn, nr);
	end = ALIGN_DOWN(zone_end_pfn(zone), nr);
	blocks = end > c->base ? (end - c->base) / nr : 0;
	c->blocks = kvcalloc(blocks + 1, sizeof(*c->blocks), SCAN_GFP);
	c->order = kvcalloc(blocks + 1, sizeof(*c->order), SCAN_GFP);
	if (!c->blocks || !c->order) {
		gather_forget(c);
		return -ENOMEM;
	}
	for (i = 0; i < blocks; i++) {
		scan_block(&c->vb->pages,
			   scan_first(zone, c->base + i * nr, nr), nr,
			   &c->blocks[i]);
		room += scan_room(&c->blocks[i], nr);
		cond_resched();
	}
	c->room = room / nr;
	gather_pick_init(&c->pick, c->blocks, blocks, nr, c->order);
	return 0;
}

/**
 * gather_forget() - free what a scan holds
 * @c: initialised
 */
void gather_forget(struct gather *c)
{
	kvfree(c->blocks);
	kvfree(c->order);
	c->blocks = NULL;
	c->order = NULL;
}
