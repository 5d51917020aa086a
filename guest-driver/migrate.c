// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves of ballooned pages to other frames, asked for by compaction, and what
 * becomes of them.  The old page is isolated and locked by the kernel, its place
 * is taken by the new one (pages_replace), both go into a batch; the host is
 * told of the batch: by one SWAP where it knows page ops, else of the new pages
 * and, once it has acknowledged those, of the old ones; only then are the old
 * pages freed.  So no frame is ever free while the host may still take it for
 * ballooned, and none is used as ballooned before the host knows (I1, I2).
 * Moves that the host refuses are undone when the migration core has let go of
 * their pages.
 *
 * Who waits: nobody in MIGRATE_ASYNC and MIGRATE_SYNC_LIGHT.  In MIGRATE_SYNC
 * the callback that moves the last isolated page (of what pages_last_isolated()
 * can look over) waits for its batch, because such callers (memory offlining,
 * alloc_contig_range()) look for the freed frames right afterwards.  A host that
 * does not answer ends that wait, not the move.
 *
 * Locks: page lock -> migrate.lock -> balloon_pages.lock; a batch past FILLING
 * has one owner at a time.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "balloon.h"
#include "migrate.h"
#include "trace.h"

/* How long moves may stay unacked for want of company. */
#define MIGRATE_LINGER		1 /* jiffies */
/* How long a synchronous caller is kept waiting by a silent host. */
#define MIGRATE_TIMEOUT	(HZ / 2)

/* The balloon lives at the cost of another zone if @from and @to are in two. */
void migrate_account(struct migrate *rl, struct page *from, struct page *to,
		     long nr)
{
	if (rl->managed && page_zone(from) != page_zone(to)) {
		adjust_managed_page_count(from, nr);
		adjust_managed_page_count(to, -nr);
	}
}

/* The one place where a batch changes its state. */
static void migrate_go(struct migrate_batch *b, enum batch_event event)
{
	enum batch_state next = batch_step(b->state, event,
					   b->rl->hc->ops->swap);

	if (WARN_ON_ONCE(next == BATCH_BROKEN))
		return;
	/* Pairs with migrate_undo(): who sees the state sees the moves. */
	smp_store_release(&b->state, next);
}

/* The batch is done with; it may be filled again. */
static void migrate_finish(struct migrate_batch *b, enum batch_event event)
{
	struct migrate *rl = b->rl;

	spin_lock(&rl->lock);
	b->nr = 0;
	b->serial++;
	migrate_go(b, event);
	spin_unlock(&rl->lock);
}

static void migrate_deflated(struct hostcomm_request *rq, int err)
{
	struct migrate_batch *b = container_of(rq, struct migrate_batch,
					       deflate);
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		put_page(b->old[i]);
	migrate_finish(b, BATCH_ANSWER);
}

/* Undoes what can be undone of a refused batch. Return: whether that is all. */
static bool migrate_undo_batch(struct migrate_batch *b)
{
	struct migrate *rl = b->rl;
	unsigned int i, left = 0;

	for (i = 0; i < b->nr; i++) {
		struct page *old = b->old[i], *new = b->new[i];

		/* Before: afterwards the new page is not ours to look at. */
		migrate_account(rl, new, old, 1);
		if (pages_refused(rl->bp, old, new))
			continue;
		migrate_account(rl, old, new, 1);
		b->old[left] = old;
		b->new[left++] = new;
	}
	b->nr = left;
	if (!left)
		migrate_finish(b, BATCH_UNDONE);
	return !left;
}

static bool migrate_undo(struct migrate *rl)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < MIGRATE_BATCHES; i++) {
		/* Pairs with migrate_go(). */
		if (smp_load_acquire(&rl->batch[i].state) == BATCH_REFUSED)
			all &= migrate_undo_batch(&rl->batch[i]);
	}
	return all;
}

static void migrate_undo_work(struct work_struct *work)
{
	struct migrate *rl = container_of(work, struct migrate,
					  undo_work.work);

	if (!migrate_undo(rl))
		queue_delayed_work(rl->hc->wq, &rl->undo_work, 1);
}

static void migrate_swapped(struct migrate_batch *b, int err)
{
	/* A dead device can discard nothing any more: all is as if told. */
	unsigned int i, told = err == -ENODEV ? b->nr : b->inflate.acked;
	struct migrate *rl = b->rl;

	for (i = 0; i < told; i++) {
		pages_acked(rl->bp, b->new[i]);
		put_page(b->old[i]);
	}
	if (told == b->nr) {
		migrate_finish(b, BATCH_ANSWER);
		return;
	}

	memmove(b->old, b->old + told, (b->nr - told) * sizeof(b->old[0]));
	memmove(b->new, b->new + told, (b->nr - told) * sizeof(b->new[0]));
	spin_lock(&rl->lock);
	rl->stats.refused += b->nr - told;
	b->nr -= told;
	/* Who waits for the answer has it: that callback must end for the undo. */
	b->serial++;
	migrate_go(b, BATCH_REFUSAL);
	spin_unlock(&rl->lock);
	queue_delayed_work(rl->hc->wq, &rl->undo_work, 1);
}

static void migrate_inflated(struct hostcomm_request *rq, int err)
{
	struct migrate_batch *b = container_of(rq, struct migrate_batch,
					       inflate);
	unsigned int i;

	if (b->state == BATCH_SWAPPING) {
		migrate_swapped(b, err);
		return;
	}

	/* Also when the device died: the pages are the balloon's either way. */
	for (i = 0; i < b->nr; i++)
		pages_acked(b->rl->bp, b->new[i]);

	migrate_go(b, BATCH_ANSWER);
	hostcomm_begin(&b->deflate, HOSTCOMM_DEFLATE);
	for (i = 0; i < b->nr; i++)
		hostcomm_add(&b->deflate, b->old[i], 1);
	hostcomm_submit(&b->deflate);
}

/* Sends a batch that left FILLING; no lock held. */
static void migrate_send(struct migrate_batch *b)
{
	bool swap = b->state == BATCH_SWAPPING;
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
 * migrate_finish_undo() - undo what is left of refused moves
 * @rl: stopped, nothing with the host
 *
 * Context: may sleep, as long as the migration core holds one of the pages
 * of a callback that has returned.
 */
void migrate_finish_undo(struct migrate *rl)
{
	cancel_delayed_work_sync(&rl->undo_work);
	while (!migrate_undo(rl))
		schedule_timeout_uninterruptible(1);
}

/* Takes the batch off @filling for its trip; migrate.lock held. */
static struct migrate_batch *migrate_seal(struct migrate *rl)
{
	struct migrate_batch *b = rl->filling;

	lockdep_assert_held(&rl->lock);
	if (!b || !b->nr)
		return NULL;
	migrate_go(b, BATCH_SEND);
	rl->filling = NULL;
	rl->stats.batches++;
	return b;
}

/**
 * migrate_flush() - tell the host of all moves made so far
 * @rl: initialised
 *
 * Context: process; does not sleep.
 */
void migrate_flush(struct migrate *rl)
{
	struct migrate_batch *b;

	spin_lock(&rl->lock);
	b = migrate_seal(rl);
	spin_unlock(&rl->lock);
	if (b)
		migrate_send(b);
}

static void migrate_flush_work(struct work_struct *work)
{
	migrate_flush(container_of(work, struct migrate, flush_work.work));
}

/* A batch with room, or NULL while the host has them all; lock held. */
static struct migrate_batch *migrate_open(struct migrate *rl)
{
	unsigned int i;

	lockdep_assert_held(&rl->lock);
	for (i = 0; !rl->filling && i < MIGRATE_BATCHES; i++) {
		if (rl->batch[i].state != BATCH_IDLE)
			continue;
		rl->filling = &rl->batch[i];
		migrate_go(rl->filling, BATCH_OPEN);
	}
	return rl->filling;
}

static bool migrate_has_room(void *arg)
{
	struct migrate *rl = arg;
	bool ok;

	spin_lock(&rl->lock);
	ok = migrate_open(rl);
	spin_unlock(&rl->lock);
	return ok;
}

struct migrate_ticket {
	struct migrate_batch *batch;
	unsigned int serial;
};

static bool migrate_is_told(void *arg)
{
	struct migrate_ticket *t = arg;

	return READ_ONCE(t->batch->serial) != t->serial;
}

/*
 * Waits for the host, but once only for one that is silent: a compactor has
 * thousands of pages to move, and one timeout for each would add up to hours.
 */
static void migrate_wait(struct migrate *rl, bool (*cond)(void *arg), void *arg)
{
	int answers = atomic_read(&rl->hc->answers);

	if (READ_ONCE(rl->timed_out) && READ_ONCE(rl->timed_out_at) == answers)
		return;
	spin_lock(&rl->lock);
	rl->stats.waits++;
	spin_unlock(&rl->lock);
	if (hostcomm_wait(rl->hc, true, cond, arg, MIGRATE_TIMEOUT)) {
		WRITE_ONCE(rl->timed_out, false);
		return;
	}
	WRITE_ONCE(rl->timed_out_at, atomic_read(&rl->hc->answers));
	WRITE_ONCE(rl->timed_out, true);
}

/*
 * Makes the move and enters it into a batch; lock held, so that the batch is
 * not sent without it.  Return: 0, -EBUSY when every batch is with the host,
 * -EAGAIN when the balloon is closing, or there is no memory to enter @newpage.
 */
static int migrate_enter(struct migrate *rl, struct page *newpage,
			 struct page *page, struct migrate_ticket *ticket)
{
	struct migrate_batch *b = migrate_open(rl);

	lockdep_assert_held(&rl->lock);
	if (!b)
		return -EBUSY;
	if (!pages_replace(rl->bp, page, newpage))
		return -EAGAIN;

	b->old[b->nr] = page;
	b->new[b->nr++] = newpage;
	rl->stats.moved++;
	ticket->batch = b;
	ticket->serial = b->serial;
	return 0;
}

/* Between pages_begin_move() and pages_moved(). */
static int migrate_one(struct migrate *rl, struct page *newpage,
		       struct page *page, enum migrate_mode mode)
{
	struct migrate_ticket ticket;
	struct migrate_batch *full = NULL;
	bool wait, first;
	int err;

	if (hostcomm_broken(rl->hc) ||
	    !hostcomm_can_name(rl->hc, page_to_pfn(newpage)))
		return -EBUSY;

	/* The batches may have come back unread. */
	if (!READ_ONCE(rl->filling))
		hostcomm_reap(rl->hc, true);
	if (batch_waits_for_room(mode) && !migrate_has_room(rl))
		migrate_wait(rl, migrate_has_room, rl);

	/* Asked before the move: it takes this page off the isolated ones. */
	wait = batch_waits_for_answer(mode, pages_last_isolated(rl->bp, page));

	spin_lock(&rl->lock);
	err = migrate_enter(rl, newpage, page, &ticket);
	if (err) {
		rl->stats.busy++;
		spin_unlock(&rl->lock);
		trace_virtio_balloon_migrate(page, newpage, mode, err);
		return err;
	}
	first = ticket.batch->nr == 1;
	if (ticket.batch->nr == rl->capacity || wait)
		full = migrate_seal(rl);
	spin_unlock(&rl->lock);

	trace_virtio_balloon_migrate(page, newpage, mode, 0);
	migrate_account(rl, page, newpage, 1);
	if (full)
		migrate_send(full);
	else if (first)
		queue_delayed_work(rl->hc->wq, &rl->flush_work, MIGRATE_LINGER);
	if (wait)
		migrate_wait(rl, migrate_is_told, &ticket);
	return 0;
}

/**
 * migrate_callback() - migrate callback: move a ballooned page to another frame
 * @bp: the balloon that @page is in
 * @newpage: locked, to be ballooned in its stead
 * @page: locked, isolated
 * @mode: what the caller can bear
 *
 * Context: any task that allocates or compacts; sleeps in MIGRATE_SYNC only,
 * at most MIGRATE_TIMEOUT, and not again while the host stays silent.
 * Return: 0; -EBUSY when trying again within microseconds will not help;
 * -EAGAIN when the balloon is closing, or out of memory just now, for the page to be
 * put back.
 */
int migrate_callback(struct balloon_pages *bp, struct page *newpage,
		     struct page *page, enum migrate_mode mode)
{
	struct virtio_balloon *vb = container_of(bp, struct virtio_balloon, pages);
	int err;

	if (!pages_begin_move(bp))
		return -EAGAIN;
	err = migrate_one(&vb->migrate, newpage, page, mode);
	pages_moved(bp);
	return err;
}

/**
 * migrate_init() - prepare to move pages
 * @rl: zeroed
 * @bp: whose pages
 * @hc: how the host is told; initialised
 * @managed: ballooned pages are off the zone's managed pages
 *
 * Context: may sleep.  Return: 0 or -ENOMEM (then call migrate_exit()).
 */
int migrate_init(struct migrate *rl, struct balloon_pages *bp,
		 struct hostcomm *hc, bool managed)
{
	unsigned int i;
	int err;

	rl->bp = bp;
	rl->hc = hc;
	rl->managed = managed;
	spin_lock_init(&rl->lock);
	INIT_DELAYED_WORK(&rl->flush_work, migrate_flush_work);
	INIT_DELAYED_WORK(&rl->undo_work, migrate_undo_work);
	rl->batch = kcalloc(MIGRATE_BATCHES, sizeof(*rl->batch), GFP_KERNEL);
	if (!rl->batch)
		return -ENOMEM;
	for (i = 0; i < MIGRATE_BATCHES; i++) {
		struct migrate_batch *b = &rl->batch[i];

		b->rl = rl;
		err = hostcomm_request_init(hc, &b->inflate, MIGRATE_BATCH,
					    MIGRATE_BATCH, migrate_inflated);
		if (!err)
			err = hostcomm_request_init(hc, &b->deflate,
						    MIGRATE_BATCH,
						    MIGRATE_BATCH,
						    migrate_deflated);
		if (err)
			return err;
		b->inflate.under_page_lock = true;
		b->deflate.under_page_lock = true;
		rl->capacity = b->inflate.max_chunks;
	}
	return 0;
}

/**
 * migrate_stop() - tell the host of the last moves; no more will come
 * @rl: initialised; pages_close() was called
 *
 * Context: may sleep.
 */
void migrate_stop(struct migrate *rl)
{
	cancel_delayed_work_sync(&rl->flush_work);
	migrate_flush(rl);
}

/**
 * migrate_exit() - free what migrate_init() allocated
 * @rl: stopped, nothing with the host; may be one whose init failed
 */
void migrate_exit(struct migrate *rl)
{
	unsigned int i;

	for (i = 0; rl->batch && i < MIGRATE_BATCHES; i++) {
		hostcomm_request_exit(&rl->batch[i].inflate);
		hostcomm_request_exit(&rl->batch[i].deflate);
	}
	kfree(rl->batch);
	rl->batch = NULL;
}
