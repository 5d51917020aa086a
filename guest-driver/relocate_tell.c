// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a batch of moves: one SWAP where the host knows page ops,
 * else the new pages first and, once these are acknowledged, the old ones;
 * then the old pages are freed.  Moves that the host refuses are undone when
 * the migration core has let go of their pages.
 *
 * Locks: relocate.lock -> none; a batch past FILLING has one owner at a time.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "pages.h"
#include "relocate.h"

/* The balloon lives at the cost of another zone if @from and @to are in two. */
void relocate_recharge(struct relocate *rl, struct page *from,
			      struct page *to)
{
	if (rl->managed && page_zone(from) != page_zone(to)) {
		adjust_managed_page_count(from, 1);
		adjust_managed_page_count(to, -1);
	}
}

/* The one place where a batch changes its state. */
void relocate_go(struct relocate_batch *b, enum relocate_event event)
{
	enum relocate_state next = relocate_step(b->state, event,
						 b->rl->hc->ops->swap);

	if (WARN_ON_ONCE(next == RELOCATE_BROKEN))
		return;
	/* Pairs with relocate_undo(): who sees the state sees the moves. */
	smp_store_release(&b->state, next);
}

/* The batch is done with; it may be filled again. */
static void relocate_finish(struct relocate_batch *b, enum relocate_event event)
{
	struct relocate *rl = b->rl;

	spin_lock(&rl->lock);
	b->nr = 0;
	b->serial++;
	relocate_go(b, event);
	spin_unlock(&rl->lock);
}

void relocate_deflated(struct hostcomm_request *rq, int err)
{
	struct relocate_batch *b = container_of(rq, struct relocate_batch,
						deflate);
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		put_page(b->old[i]);
	relocate_finish(b, RELOCATE_ANSWER);
}

/* Undoes what can be undone of a refused batch. Return: whether that is all. */
static bool relocate_undo_batch(struct relocate_batch *b)
{
	struct relocate *rl = b->rl;
	unsigned int i, left = 0;

	for (i = 0; i < b->nr; i++) {
		struct page *old = b->old[i], *new = b->new[i];

		/* Before: afterwards the new page is not ours to look at. */
		relocate_recharge(rl, new, old);
		if (pages_refused(rl->bp, old, new))
			continue;
		relocate_recharge(rl, old, new);
		b->old[left] = old;
		b->new[left++] = new;
	}
	b->nr = left;
	if (!left)
		relocate_finish(b, RELOCATE_UNDONE);
	return !left;
}

static bool relocate_undo(struct relocate *rl)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < RELOCATE_BATCHES; i++) {
		/* Pairs with relocate_go(). */
		if (smp_load_acquire(&rl->batch[i].state) == RELOCATE_REFUSED)
			all &= relocate_undo_batch(&rl->batch[i]);
	}
	return all;
}

void relocate_undo_work(struct work_struct *work)
{
	struct relocate *rl = container_of(work, struct relocate,
					   undo_work.work);

	if (!relocate_undo(rl))
		queue_delayed_work(rl->hc->wq, &rl->undo_work, 1);
}

static void relocate_swapped(struct relocate_batch *b, int err)
{
	/* A dead device can discard nothing any more: all is as if told. */
	unsigned int i, told = err == -ENODEV ? b->nr : b->inflate.acked;
	struct relocate *rl = b->rl;

	for (i = 0; i < told; i++) {
		pages_arrived(rl->bp, b->new[i]);
		put_page(b->old[i]);
	}
	if (told == b->nr) {
		relocate_finish(b, RELOCATE_ANSWER);
		return;
	}

	memmove(b->old, b->old + told, (b->nr - told) * sizeof(b->old[0]));
	memmove(b->new, b->new + told, (b->nr - told) * sizeof(b->new[0]));
	spin_lock(&rl->lock);
	rl->stats.refused += b->nr - told;
	b->nr -= told;
	/* Who waits for the answer has it: that callback must end for the undo. */
	b->serial++;
	relocate_go(b, RELOCATE_REFUSAL);
	spin_unlock(&rl->lock);
	queue_delayed_work(rl->hc->wq, &rl->undo_work, 1);
}

void relocate_inflated(struct hostcomm_request *rq, int err)
{
	struct relocate_batch *b = container_of(rq, struct relocate_batch,
						inflate);
	unsigned int i;

	if (b->state == RELOCATE_SWAPPING) {
		relocate_swapped(b, err);
		return;
	}

	/* Also when the device died: the pages are the balloon's either way. */
	for (i = 0; i < b->nr; i++)
		pages_arrived(b->rl->bp, b->new[i]);

	relocate_go(b, RELOCATE_ANSWER);
	hostcomm_begin(&b->deflate, HOSTCOMM_DEFLATE);
	for (i = 0; i < b->nr; i++)
		hostcomm_add(&b->deflate, b->old[i], 1);
	hostcomm_submit(&b->deflate);
}

/* Sends a batch that left FILLING; no lock held. */
void relocate_send(struct relocate_batch *b)
{
	bool swap = b->state == RELOCATE_SWAPPING;
	unsigned int i;

	hostcomm_begin(&b->inflate, swap ? HOSTCOMM_SWAP : HOSTCOMM_INFLATE);
	for (i = 0; i < b->nr; i++) {
		if (swap)
			hostcomm_add_swap(&b->inflate, b->old[i], b->new[i]);
		else
			hostcomm_add(&b->inflate, b->new[i], 1);
	}
	hostcomm_submit(&b->inflate);
}

/**
 * relocate_settle() - undo what is left of refused moves
 * @rl: stopped, nothing with the host
 *
 * Context: may sleep, as long as the migration core holds one of the pages
 * of a callback that has returned.
 */
void relocate_settle(struct relocate *rl)
{
	cancel_delayed_work_sync(&rl->undo_work);
	while (!relocate_undo(rl))
		schedule_timeout_uninterruptible(1);
}
