// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon as a whole, whoever keeps its pages: open or closed to
 * migration, how large, and in which order chunks leave it.  What a single
 * page's state is, and how pages come in, is the matter of pages.c where they
 * are ours to keep, of pages_core.c where they are the kernel's.
 *
 * Locks: balloon_pages.lock.
 */
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "pages.h"

/**
 * pages_init() - an empty balloon
 * @bp: zeroed
 */
void pages_init(struct balloon_pages *bp)
{
	mobility_init(&bp->mobility);
	spin_lock_init(&bp->lock);
	INIT_LIST_HEAD(&bp->list);
	INIT_LIST_HEAD(&bp->unpublished);
	INIT_LIST_HEAD(&bp->blocks);
	init_waitqueue_head(&bp->returned);
	INIT_DELAYED_WORK(&bp->publish_work, blocks_publish_work);
}

/**
 * pages_open() - let pages be moved (again)
 * @bp: initialised
 */
void pages_open(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = false;
	spin_unlock(&bp->lock);
}

static unsigned long pages_in_callbacks(struct balloon_pages *bp)
{
	return READ_ONCE(bp->isolated) + READ_ONCE(bp->moving);
}

/**
 * pages_tell_closer() - a callback has done with a page
 * @bp: the balloon, locked
 */
void pages_tell_closer(struct balloon_pages *bp)
{
	lockdep_assert_held(&bp->lock);
	if (bp->closed && !pages_in_callbacks(bp))
		wake_up_all(&bp->returned);
}

/**
 * pages_close() - no moves any more; wait for isolated pages to come back
 * @bp: open
 *
 * Who isolated a page gives it back or migrates it without our help, so the
 * wait ends; if that takes long it says so.  A callback that is about to
 * return may still be in our text: it holds the lock of a page that must be
 * taken, under that lock, before the balloon is empty.
 *
 * A kernel that isolates without asking us goes on doing so, and puts those
 * pages back unmoved; pages_await_lock() waits for them.
 *
 * Context: may sleep.
 */
void pages_close(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = true;
	spin_unlock(&bp->lock);
	cancel_delayed_work_sync(&bp->publish_work);

	while (!wait_event_timeout(bp->returned, !pages_in_callbacks(bp), 10 * HZ))
		pr_warn("waiting for %lu pages that memory compaction holds\n",
			pages_in_callbacks(bp));
	/* Who woke us has let go of the lock when we get it. */
	spin_lock(&bp->lock);
	spin_unlock(&bp->lock);
}

/**
 * pages_moved() - a migrate callback is about to return; undoes what counted it
 * @bp: the balloon; not to be touched after this
 */
void pages_moved(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->moving--;
	pages_tell_closer(bp);
	spin_unlock(&bp->lock);
}

/**
 * pages_add() - take chunks into the balloon
 * @bp: the balloon
 * @chunks: one reference each, known to nobody else, acknowledged by the host
 *	(I1); empty on return
 *
 * Context: process; does not sleep.
 */
void pages_add(struct balloon_pages *bp, struct list_head *chunks)
{
	count_vm_events(BALLOON_INFLATE, pages_enter(bp, chunks, false));
}

/**
 * pages_take() - take chunks out of the balloon
 * @bp: the balloon
 * @max: pages at most
 * @max_chunks: chunks at most, unless a block falls into pages on the way,
 *	which then follow each other
 * @chunks: they are added here, with the balloon's reference
 *
 * Whole blocks first; one is broken up only for want of single pages.
 *
 * Context: may sleep.  Return: how many pages; fewer than @max, even none,
 * when the rest is isolated or locked just now.
 */
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 unsigned long max_chunks, struct list_head *chunks)
{
	unsigned long nr = 0, got;

	while (nr < max && max_chunks) {
		got = blocks_take(bp, max - nr, chunks);
		if (got) {
			max_chunks--;
		} else {
			got = pages_take_singles(bp, min(max - nr, max_chunks),
						 chunks);
			max_chunks -= got;
		}
		if (!got && !blocks_break_one(bp))
			break;
		nr += got;
		cond_resched();
	}
	count_vm_events(BALLOON_DEFLATE, nr);
	return nr;
}

/**
 * pages_size() - size of the balloon in guest pages
 * @bp: the balloon
 *
 * Counts what is on its way in by migration or an exchange (it replaces what
 * left), not what an inflate or deflate has in flight.
 */
unsigned long pages_size(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->whole + bp->publishing + bp->isolated + bp->pending +
	     bp->exchanging;
	spin_unlock(&bp->lock);
	return nr;
}
