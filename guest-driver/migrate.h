/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving ballooned pages to other frames when memory compaction asks for it,
 * and telling the host of each move: in batches, and without making the
 * compactor wait where its mode forbids that (I5).
 *
 * Locks: page lock -> migrate.lock -> balloon_pages.lock.
 */
#ifndef BALLONET_MIGRATE_H
#define BALLONET_MIGRATE_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "hostcomm.h"
#include "migrate_batch.h"

struct page;
struct balloon_pages;
struct migrate;

/* Moves in one batch, and batches: what may be held twice is 4 MiB at most. */
#define MIGRATE_BATCH		256
#define MIGRATE_BATCHES	4

/**
 * struct migrate_batch - moves told to the host together
 * @rl: whose
 * @state: under migrate.lock while IDLE or FILLING, else the one request's
 *	that is out, or @undo_work's while REFUSED
 * @serial: counts uses, so that a waiter knows when its moves are told
 * @nr: moves, at most MIGRATE_BATCH
 * @old: pages that left, each with the balloon's reference
 * @new: pages that came, PENDING until the host acknowledged them
 * @inflate: names @new; both, where the host knows swaps
 * @deflate: names @old
 */
struct migrate_batch {
	struct migrate *rl;
	enum batch_state state;
	unsigned int serial;
	unsigned int nr;
	struct page *old[MIGRATE_BATCH];
	struct page *new[MIGRATE_BATCH];
	struct hostcomm_request inflate;
	struct hostcomm_request deflate;
};

/**
 * struct migrate_stats - what became of migrate callbacks; under migrate.lock
 * @moved: pages moved
 * @busy: moves refused because every batch was with the host
 * @batches: batches sent
 * @waits: callbacks that slept for the host (never in MIGRATE_ASYNC)
 * @refused: moves undone because the host refused them
 */
struct migrate_stats {
	u64 moved;
	u64 busy;
	u64 batches;
	u64 waits;
	u64 refused;
};

/**
 * struct migrate - moves of one device's pages
 * @bp: probe-time only
 * @hc: probe-time only
 * @managed: pages of the balloon are taken off the zone's managed pages;
 *	probe-time only
 * @capacity: moves that go into a batch; probe-time only
 * @timed_out: a callback waited in vain; none waits again until ...
 * @timed_out_at: ... hostcomm.answers has changed from this
 * @lock: protects @filling, @stats and the batches while IDLE or FILLING
 * @filling: the batch that takes moves, or NULL
 * @flush_work: sends a batch that did not fill up soon
 * @undo_work: undoes moves that the host refused
 * @batch: all of them
 */
struct migrate {
	struct balloon_pages *bp;
	struct hostcomm *hc;
	bool managed;
	unsigned int capacity;
	bool timed_out;
	int timed_out_at;
	spinlock_t lock;
	struct migrate_batch *filling;
	struct migrate_stats stats;
	struct delayed_work flush_work;
	struct delayed_work undo_work;
	struct migrate_batch *batch;
};

int migrate_init(struct migrate *rl, struct balloon_pages *bp,
		 struct hostcomm *hc, bool managed);
void migrate_exit(struct migrate *rl);
void migrate_flush(struct migrate *rl);
void migrate_stop(struct migrate *rl);
void migrate_finish_undo(struct migrate *rl);

/*
 * A ballooned page counts against the managed pages of its zone: @nr pages do so for
 * the zone of @to from now on, no longer for that of @from.  Neither page is
 * touched.
 */
void migrate_account(struct migrate *rl, struct page *from, struct page *to,
		     long nr);

int migrate_callback(struct balloon_pages *bp, struct page *newpage,
		     struct page *page, enum migrate_mode mode);

#endif
