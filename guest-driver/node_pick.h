/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which node of memory gives the next pages, so that all give in proportion to
 * what they can spare.  Pure: no kernel calls, no locks; tested in user space.
 */
#ifndef BALLONET_NODE_PICK_H
#define BALLONET_NODE_PICK_H

#include <linux/types.h>

/**
 * struct node_share - one node
 * @spare: pages that it could give now; 0 for one that is not to be picked
 * @owed: what it should have given so far, less what it gave; in parts of a page
 */
struct node_share {
	u64 spare;
	s64 owed;
};

int node_pick(const struct node_share *nodes, unsigned int nr, u32 pages);
void node_gave(struct node_share *nodes, unsigned int nr, unsigned int node, u32 pages);

#endif
