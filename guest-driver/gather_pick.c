// SPDX-License-Identifier: GPL-2.0-only
/*
 * One order serves both ends: the fewer pages in use a block has, the cheaper
 * it becomes whole, so targets are taken from the front.  What is last in it,
 * blocks that can never become whole first of all, gives its ballooned pages.
 * Where the two ends meet nothing is left to gain.
 *
 * Blocks of about the same cost are taken from the top of memory down.  Kernel
 * compaction moves what is in use there, from the top down, and where it has
 * come across a block without free pages it looks less closely at the next
 * (isolate_freepages(), mm/compaction.c): whole blocks of the balloon strewn
 * among the guest's would cost the guest huge pages of its own.  At the top
 * they are not moved, either.
 *
 * Locks: none.
 */
#include "gather_pick.h"

/* Nothing to gain from a whole one, nothing to take from one without. */
static bool pick_matters(const struct gather_block *b, u32 pages)
{
	return b->ballooned < pages &&
	       (b->ballooned || b->in_use != GATHER_UNMOVABLE);
}

/* Pages to move, and more the further down; up to half a block more. */
static u32 pick_rank(const struct gather_block *blocks, u32 i, u32 nr,
		     u32 pages)
{
	if (blocks[i].in_use == GATHER_UNMOVABLE)
		return GATHER_RANKS - 1;
	return blocks[i].in_use + (nr - 1 - i) / (2 * nr / pages + 1);
}

/**
 * gather_pick_init() - sort blocks by what it costs to make them whole
 * @pick: filled in
 * @blocks: by rising address; must stay
 * @nr: how many
 * @pages: pages in a block, GATHER_MAX_PAGES at most
 * @order: room for @nr; must stay
 */
void gather_pick_init(struct gather_pick *pick,
		      const struct gather_block *blocks, u32 nr,
		      u32 pages, u32 *order)
{
	u32 i, sum = 0, *at = pick->at;

	for (i = 0; i < GATHER_RANKS; i++)
		at[i] = 0;
	for (i = 0; i < nr; i++) {
		if (pick_matters(&blocks[i], pages))
			at[pick_rank(blocks, i, nr, pages)]++;
	}
	for (i = 0; i < GATHER_RANKS; i++) {
		u32 here = at[i];

		at[i] = sum;
		sum += here;
	}
	for (i = nr; i--;) {
		if (pick_matters(&blocks[i], pages))
			order[at[pick_rank(blocks, i, nr, pages)]++] = i;
	}
	pick->blocks = blocks;
	pick->order = order;
	pick->front = 0;
	pick->back = sum;
}

/**
 * gather_pick_target() - the next block to make whole
 * @pick: initialised
 * @block: set to its number
 *
 * Return: whether there is one, and another that may give.
 */
bool gather_pick_target(struct gather_pick *pick, u32 *block)
{
	u32 first;

	if (pick->front >= pick->back)
		return false;
	first = pick->order[pick->front];
	if (pick->blocks[first].in_use == GATHER_UNMOVABLE)
		return false;
	pick->front++;
	*block = first;
	return true;
}

/**
 * gather_pick_again() - the last target is to be the next, too
 * @pick: gather_pick_target() was true
 */
void gather_pick_again(struct gather_pick *pick)
{
	pick->front--;
}

/**
 * gather_pick_donor() - the block to take ballooned pages from
 * @pick: initialised
 * @block: set to its number
 *
 * The same one until gather_pick_empty().  Return: whether there is one.
 */
bool gather_pick_donor(struct gather_pick *pick, u32 *block)
{
	while (pick->back > pick->front &&
	       !pick->blocks[pick->order[pick->back - 1]].ballooned)
		pick->back--;
	if (pick->back <= pick->front)
		return false;
	*block = pick->order[pick->back - 1];
	return true;
}

/**
 * gather_pick_empty() - the last donor has no more to give
 * @pick: gather_pick_donor() was true
 */
void gather_pick_empty(struct gather_pick *pick)
{
	pick->back--;
}
