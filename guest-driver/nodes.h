/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking pages from the guest's nodes of memory; see nodes.c.
 */
#ifndef BALLONET_NODES_H
#define BALLONET_NODES_H

#include "node_pick.h"

struct page;

/**
 * struct nodes - where pages come from; one user at a time
 * @share: of each node, by its number; NULL where there is one node
 * @order: the largest block worth asking each for, and, last, any of them
 */
struct nodes {
	struct node_share *share;
	unsigned int *order;
};

int nodes_init(struct nodes *nodes);
void nodes_exit(struct nodes *nodes);
void nodes_begin(struct nodes *nodes);
struct page *nodes_alloc(struct nodes *nodes, u64 max, unsigned long floor);

#endif
