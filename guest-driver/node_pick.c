// SPDX-License-Identifier: GPL-2.0-only
/*
 * A weighted round robin: with each page that one node gives, all are owed their
 * shares of it, and the one that would be owed most gives next.
 *
 * Locks: none.
 */
#include "node_pick.h"

/* Parts of a page: small shares of a single page must not be lost. */
#define NODE_PARTS	(1 << 16)

static u64 node_all(const struct node_share *nodes, unsigned int nr)
{
	unsigned int i;
	u64 all = 0;

	for (i = 0; i < nr; i++)
		all += nodes[i].spare;
	return all;
}

static s64 node_due(u64 spare, u64 all, u32 pages)
{
	/* So that the product fits; so much memory needs no more exact shares. */
	while (all >> 24) {
		spare >>= 1;
		all >>= 1;
	}
	return all ? spare * pages * NODE_PARTS / all : 0;
}

/**
 * node_pick() - who gives next
 * @nodes: what each can spare
 * @nr: how many
 * @pages: that it is to give, 2^20 at most
 *
 * Return: index of the node; -1 if none can.
 */
int node_pick(const struct node_share *nodes, unsigned int nr, u32 pages)
{
	u64 all = node_all(nodes, nr);
	s64 owed, most = 0;
	unsigned int i;
	int best = -1;

	for (i = 0; i < nr; i++) {
		if (!nodes[i].spare)
			continue;
		owed = nodes[i].owed + node_due(nodes[i].spare, all, pages);
		if (best >= 0 && owed <= most)
			continue;
		best = i;
		most = owed;
	}
	return best;
}

/**
 * node_gave() - a node gave pages
 * @nodes: what each could spare
 * @nr: how many
 * @node: the one that gave
 * @pages: how many, 2^20 at most
 */
void node_gave(struct node_share *nodes, unsigned int nr, unsigned int node, u32 pages)
{
	u64 all = node_all(nodes, nr);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (nodes[i].spare)
			nodes[i].owed += node_due(nodes[i].spare, all, pages);
		else
			nodes[i].owed = 0;
	}
	nodes[node].owed -= (s64)pages * NODE_PARTS;
}
