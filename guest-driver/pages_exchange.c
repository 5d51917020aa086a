// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that left the balloon (pages_take_at()) for others to take their place:
 * until those come, or it is known that none will, the ones that left count as
 * the balloon's.
 *
 * Locks: balloon_pages.lock.
 */
#include <linux/mm.h>

#include "pages.h"

/**
 * pages_fragmented() - pages that lie in no block as large as the host likes them
 * @bp: the balloon
 *
 * Some of them may lie side by side all the same.
 */
unsigned long pages_fragmented(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->fragmented;
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * pages_add_exchanged() - pages come for others that pages_take_at() took
 * @bp: the balloon
 * @chunks: as for pages_add()
 *
 * Context: process; does not sleep.
 */
void pages_add_exchanged(struct balloon_pages *bp, struct list_head *chunks)
{
	count_vm_events(BALLOON_INFLATE, pages_enter(bp, chunks, true));
}

/**
 * pages_lose_exchanged() - nothing comes for pages that pages_take_at() took
 * @bp: the balloon; smaller by @nr pages from now on
 * @nr: how many
 *
 * Context: process; does not sleep.
 */
void pages_lose_exchanged(struct balloon_pages *bp, unsigned long nr)
{
	spin_lock(&bp->lock);
	bp->exchanging -= nr;
	spin_unlock(&bp->lock);
}
