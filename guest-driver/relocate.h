/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving ballooned pages to other frames when memory compaction asks for it,
 * and telling the host of each move: in batches, and without making the
 * compactor wait where its mode forbids that (I5).
 *
 * Locks: page lock -> relocate.lock -> balloon_pages.lock.
 */
#ifndef BALLONET_RELOCATE_H
#define BALLONET_RELOCATE_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "hostcomm.h"
#include "relocate_step.h"

struct page;
struct balloon_pages;
struct relocate;

/* Moves in one batch, and batches: what may be held twice is 4 MiB at most. */
#define RELOCATE_BATCH		256
#define RELOCATE_BATCHES	4

/**
 * struct relocate_batch - moves told to the host together
 * @rl: whose
 * @state: under relocate.lock while IDLE or FILLING, else the one request's
 *	that is out, or @undo_work's while REFUSED
 * @serial: counts uses, so that a waiter knows when its moves are told
 * @nr: moves, at most RELOCATE_BATCH
 * @old: pages that left, each with the balloon's reference
 * @new: pages that came, ARRIVING until the host acknowledged them
 * @inflate: names @new; both, where the host knows swaps
 * @deflate: names @old
 */
struct relocate_batch {
	struct relocate *rl;
	enum relocate_state state;
	unsigned int serial;
	unsigned int nr;
	struct page *old[RELOCATE_BATCH];
	struct page *new[RELOCATE_BATCH];
	struct hostcomm_request inflate;
	struct hostcomm_request deflate;
};

/**
 * struct relocate_stats - what became of migrate callbacks; under relocate.lock
 * @moved: pages moved
 * @busy: moves refused because every batch was with the host
 * @batches: batches sent
 * @waits: callbacks that slept for the host (never in MIGRATE_ASYNC)
 * @refused: moves undone because the host refused them
 */
struct relocate_stats {
	u64 moved;
	u64 busy;
	u64 batches;
	u64 waits;
	u64 refused;
};

/**
 * struct relocate - moves of one device's pages
 * @bp: probe-time only
 * @hc: probe-time only
 * @managed: pages of the balloon are taken off the zone's managed pages;
 *	probe-time only
 * @capacity: moves that go into a batch; probe-time only
 * @hurry: callbacks must not wait for the host any more
 * @tired: a callback waited in vain; none waits again until ...
 * @tired_at: ... hostcomm.answers has changed from this
 * @lock: protects @filling, @stats and the batches while IDLE or FILLING
 * @filling: the batch that takes moves, or NULL
 * @flush_work: sends a batch that did not fill up soon
 * @undo_work: undoes moves that the host refused
 * @batch: all of them
 */
struct relocate {
	struct balloon_pages *bp;
	struct hostcomm *hc;
	bool managed;
	unsigned int capacity;
	bool hurry;
	bool tired;
	int tired_at;
	spinlock_t lock;
	struct relocate_batch *filling;
	struct relocate_stats stats;
	struct delayed_work flush_work;
	struct delayed_work undo_work;
	struct relocate_batch *batch;
};

int relocate_init(struct relocate *rl, struct balloon_pages *bp,
		  struct hostcomm *hc, bool managed);
void relocate_exit(struct relocate *rl);
void relocate_flush(struct relocate *rl);
void relocate_hurry(struct relocate *rl);
void relocate_stop(struct relocate *rl);
void relocate_settle(struct relocate *rl);

/* @from's zone lends to the balloon no more, @to's does; both may be anybody's. */
void relocate_recharge(struct relocate *rl, struct page *from, struct page *to);

int relocate_page(struct relocate *rl, struct page *newpage, struct page *page,
		  enum migrate_mode mode);

#endif
