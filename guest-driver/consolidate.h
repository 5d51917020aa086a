/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gathering the balloon into whole blocks of the size that helps the host, in
 * the background, whenever the balloon is at rest and holds single pages; and
 * then what is free of the guest's own memory, so that it has whole blocks
 * again for those that the balloon took.
 *
 * A step looks at pages whoever owns them, so no memory may be taken away
 * meanwhile: consolidate.lock is held over a step, and by the notifier that
 * hears of memory going offline, which forbids steps until that is over.
 *
 * Locks: consolidate.lock (a mutex; outermost), then what exchange takes.
 */
#ifndef BALLONET_CONSOLIDATE_H
#define BALLONET_CONSOLIDATE_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>

#include "consolidate_pick.h"
#include "exchange.h"
#include "vacate.h"

struct virtio_balloon;

/**
 * enum consolidate_state - what the job is about
 * @CONSOLIDATE_OFF: the device has no use for blocks, or it was switched off
 * @CONSOLIDATE_IDLE: nothing left to gain for now
 * @CONSOLIDATE_RUNNING: exchanges, and pauses between them
 * @CONSOLIDATE_PAUSED: the balloon is on its way, or the guest short of memory
 */
enum consolidate_state {
	CONSOLIDATE_OFF,
	CONSOLIDATE_IDLE,
	CONSOLIDATE_RUNNING,
	CONSOLIDATE_PAUSED,
};

/* Blocks that are remembered to have failed. */
#define CONSOLIDATE_FAILED	128

/**
 * struct consolidate_failed - a block that did not become whole, or free
 * @pfn: its first page; 0 for none
 * @until: when it may be tried again, in jiffies
 */
struct consolidate_failed {
	unsigned long pfn;
	unsigned long until;
};

/**
 * struct consolidate_stats - what came of it; read without a lock
 * @blocks: made whole
 * @vacated: made free for the guest
 * @failed: tries that failed, of either
 */
struct consolidate_stats {
	u64 blocks;
	u64 vacated;
	u64 failed;
};

/**
 * struct consolidate - the job of one device
 * @vb: probe-time only
 * @wq: probe-time only
 * @work: one step, a few milliseconds
 * @memory_nb: hears of memory going offline
 * @stopped: the work must not be queued; device coming and going only
 * @lock: protects what follows
 * @offlining: some memory is going offline; the kernel lets one piece at a time
 * @state: for people
 * @stats: likewise
 * @vacating: the zones are gone through for the guest's sake
 * @kicked: single pages came meanwhile
 * @room: blocks that its free pages would fill, in the zone at hand
 * @due: blocks that may be vacated yet; no more than were made whole
 * @gained: blocks made whole since the zones were last begun with
 * @patience: jiffies between censuses that gain nothing
 * @not_before: no census before this time, in jiffies, ...
 * @wishes: ... unless the host has changed its wish since (resize_wishes())
 * @failed: the last blocks that failed
 * @next_failed: the oldest of them
 * @looks: in vain, for room in the zone
 * @exchange: the one at hand
 * @vacate: the block at hand
 * @zone: number of the one at hand, among all with memory
 * @base: PFN of the first of @blocks
 * @blocks: what each block held at the last census, or NULL
 * @order: scratch of @pick
 * @pick: those to take next
 */
struct consolidate {
	struct virtio_balloon *vb;
	struct workqueue_struct *wq;
	struct delayed_work work;
	struct notifier_block memory_nb;
	bool stopped;
	struct mutex lock;
	bool offlining;
	enum consolidate_state state;
	struct consolidate_stats stats;
	bool vacating;
	bool kicked;
	unsigned long room;
	unsigned long due;
	unsigned long gained;
	unsigned long patience;
	unsigned long not_before;
	unsigned int wishes;
	struct consolidate_failed failed[CONSOLIDATE_FAILED];
	unsigned int next_failed;
	unsigned int looks;
	unsigned int zone;
	struct exchange exchange;
	struct vacate vacate;
	unsigned long base;
	struct consolidate_block *blocks;
	u32 *order;
	struct consolidate_pick pick;
};

int consolidate_init(struct consolidate *c, struct virtio_balloon *vb,
		     u32 block_size);
void consolidate_exit(struct consolidate *c);
void consolidate_start(struct consolidate *c);
void consolidate_stop(struct consolidate *c);
void consolidate_kick(struct consolidate *c);
const char *consolidate_state_name(const struct consolidate *c);

/* consolidate_census.c */
int consolidate_census(struct consolidate *c);
void consolidate_forget(struct consolidate *c);

#endif
