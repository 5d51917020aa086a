/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which blocks of the guest's memory become whole blocks of the balloon, and
 * which give up their ballooned pages for that.  Pure: no kernel calls, no
 * locks.
 */
#ifndef BALLONET_CONSOLIDATE_PICK_H
#define BALLONET_CONSOLIDATE_PICK_H

#include <linux/types.h>

/* Largest number of pages in a block. */
#define CONSOLIDATE_MAX_PAGES	1024
/* .busy of a block with a page that cannot be moved, or should not be. */
#define CONSOLIDATE_FIXED	(CONSOLIDATE_MAX_PAGES + 1)
/* Costs of blocks; the last is that of the fixed. */
#define CONSOLIDATE_RANKS	(CONSOLIDATE_MAX_PAGES * 3 / 2 + 2)

/**
 * struct consolidate_block - what a naturally aligned block of memory holds
 * @ballooned: single pages of the balloon
 * @busy: pages in use that would have to go elsewhere, or CONSOLIDATE_FIXED
 */
struct consolidate_block {
	u16 ballooned;
	u16 busy;
};

/**
 * struct consolidate_pick - blocks in the order of their worth
 * @blocks: all of them
 * @order: numbers of blocks that matter, the next to become whole first
 * @front: the next to become whole
 * @back: the next to give is the one before this
 * @at: where in @order those of each cost begin; while sorting
 */
struct consolidate_pick {
	const struct consolidate_block *blocks;
	u32 *order;
	u32 front;
	u32 back;
	u32 at[CONSOLIDATE_RANKS];
};

void consolidate_pick_init(struct consolidate_pick *pick,
			   const struct consolidate_block *blocks, u32 nr,
			   u32 pages, u32 *order);
bool consolidate_pick_target(struct consolidate_pick *pick, u32 *block);
bool consolidate_pick_donor(struct consolidate_pick *pick, u32 *block);
void consolidate_pick_again(struct consolidate_pick *pick);
void consolidate_pick_empty(struct consolidate_pick *pick);

#endif
