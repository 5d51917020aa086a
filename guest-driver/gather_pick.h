/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which blocks of the guest's memory become whole blocks of the balloon, and
 * which give up their ballooned pages for that.  Pure: no kernel calls, no
 * locks.
 */
#ifndef BALLONET_GATHER_PICK_H
#define BALLONET_GATHER_PICK_H

#include <linux/types.h>

/* Largest number of pages in a block. */
#define GATHER_MAX_PAGES	1024
/* .in_use of a block with a page that cannot be moved, or should not be. */
#define GATHER_UNMOVABLE	(GATHER_MAX_PAGES + 1)
/* Costs of blocks; the last is that of the fixed. */
#define GATHER_RANKS	(GATHER_MAX_PAGES * 3 / 2 + 2)

/**
 * struct gather_block - what a naturally aligned block of memory holds
 * @ballooned: single pages of the balloon
 * @in_use: pages in use that would have to go elsewhere, or GATHER_UNMOVABLE
 */
struct gather_block {
	u16 ballooned;
	u16 in_use;
};

/**
 * struct gather_pick - blocks in the order of their worth
 * @blocks: all of them
 * @order: numbers of blocks that matter, the next to become whole first
 * @front: the next to become whole
 * @back: the next to give is the one before this
 * @at: where in @order those of each cost begin; while sorting
 */
struct gather_pick {
	const struct gather_block *blocks;
	u32 *order;
	u32 front;
	u32 back;
	u32 at[GATHER_RANKS];
};

void gather_pick_init(struct gather_pick *pick,
		      const struct gather_block *blocks, u32 nr,
		      u32 pages, u32 *order);
bool gather_pick_target(struct gather_pick *pick, u32 *block);
bool gather_pick_donor(struct gather_pick *pick, u32 *block);
void gather_pick_again(struct gather_pick *pick);
void gather_pick_empty(struct gather_pick *pick);

#endif
