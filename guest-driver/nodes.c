// SPDX-License-Identifier: GPL-2.0-only
/*
 * From which node of memory the balloon takes its next pages: from each in
 * proportion to what it has beyond its part of the floor, a block of the largest
 * size at a time.  The allocator alone would empty the node of the processor that
 * asks before it looks at another.  What leaves the balloon is what came last, so
 * it goes back in the same proportion.
 *
 * Locks: none; the caller has one user at a time.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "alloc.h"
#include "chunk.h"
#include "nodes.h"

/* @all: pages of all nodes, of which @floor is to stay available. */
static unsigned long node_spare(int nid, unsigned long floor, unsigned long all)
{
	pg_data_t *node = NODE_DATA(nid);
	unsigned long have = 0, keep;
	int i;

	keep = div64_u64((u64)floor * node->node_present_pages, all);
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &node->node_zones[i];

		if (!populated_zone(zone))
			continue;
		have += zone_page_state(zone, NR_FREE_PAGES) +
			zone_page_state(zone, NR_ZONE_ACTIVE_FILE) +
			zone_page_state(zone, NR_ZONE_INACTIVE_FILE);
		keep += low_wmark_pages(zone);
	}
	return have > keep ? have - keep : 0;
}

static void nodes_look(struct nodes *nodes, unsigned long floor)
{
	unsigned long all = 0;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		nodes->share[nid].spare = 0;
	for_each_online_node(nid)
		all += NODE_DATA(nid)->node_present_pages;
	for_each_online_node(nid)
		nodes->share[nid].spare = node_spare(nid, floor, max(all, 1UL));
}

/**
 * nodes_alloc() - take some pages from the guest, from the node whose turn it is
 * @nodes: initialised
 * @max: pages at most; at least one
 * @floor: pages that must stay available in all
 *
 * Context: may sleep.  Return: as chunk_alloc().
 */
struct page *nodes_alloc(struct nodes *nodes, u64 max, unsigned long floor)
{
	u32 turn = min_t(u64, max, 1U << BALLOON_MAX_ORDER);
	struct page *page;
	int nid;

	if (nodes->share && nr_online_nodes > 1) {
		nodes_look(nodes, floor);
		while ((nid = node_pick(nodes->share, nr_node_ids, turn)) >= 0) {
			page = chunk_alloc(turn, &nodes->order[nid], nid);
			if (page) {
				node_gave(nodes->share, nr_node_ids, nid,
					  chunk_pages(page));
				return page;
			}
			/* It says that it has some, but has not: the others. */
			nodes->share[nid].spare = 0;
		}
	}
	return chunk_alloc(max, &nodes->order[nr_node_ids], NUMA_NO_NODE);
}

/**
 * nodes_begin() - there may be larger blocks than the last time
 * @nodes: initialised
 */
void nodes_begin(struct nodes *nodes)
{
	int nid;

	for (nid = 0; nid <= nr_node_ids; nid++)
		nodes->order[nid] = BALLOON_MAX_ORDER;
}

/**
 * nodes_init() - prepare
 * @nodes: zeroed
 *
 * Context: may sleep.  Return: 0, or -ENOMEM (then call nodes_exit()).
 */
int nodes_init(struct nodes *nodes)
{
	nodes->order = kcalloc(nr_node_ids + 1, sizeof(*nodes->order), GFP_KERNEL);
	if (!nodes->order)
		return -ENOMEM;
	nodes_begin(nodes);
	if (nr_node_ids == 1)
		return 0;
	nodes->share = kcalloc(nr_node_ids, sizeof(*nodes->share), GFP_KERNEL);
	return nodes->share ? 0 : -ENOMEM;
}

/**
 * nodes_exit() - free what nodes_init() allocated
 * @nodes: may be ones whose init failed
 */
void nodes_exit(struct nodes *nodes)
{
	kfree(nodes->share);
	kfree(nodes->order);
	nodes->share = NULL;
	nodes->order = NULL;
}
