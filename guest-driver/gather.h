/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gathering the balloon into whole blocks of the size that helps the host, in
 * the background, whenever the balloon is at rest and holds single pages; and
 * then what is free of the guest's own memory, so that it has whole blocks
 * again for those that the balloon took.
 *
 * A step looks at pages whoever owns them, so no memory may be taken away
 * meanwhile: gather.lock is held over a step, and by the notifier that
 * hears of memory going offline, which forbids steps until that is over.
 *
 * Locks: gather.lock (a mutex; outermost), then what exchange takes.
 */
#ifndef BALLONET_GATHER_H
#define BALLONET_GATHER_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>

#include "gather_pick.h"
#include "exchange.h"
#include "evacuate.h"

struct virtio_balloon;

/**
 * enum gather_state - what the job is about
 * @GATHER_OFF: the device has no use for blocks, or it was switched off
 * @GATHER_IDLE: nothing left to gain for now
 * @GATHER_RUNNING: exchanges, and pauses between them
 * @GATHER_PAUSED: the balloon is on its way, or the guest short of memory
 */
enum gather_state {
	GATHER_OFF,
	GATHER_IDLE,
	GATHER_RUNNING,
	GATHER_PAUSED,
};

/* Blocks that are remembered to have failed. */
#define GATHER_FAILED	128

/**
 * struct gather_failed - a block that did not become whole, or free
 * @pfn: its first page; 0 for none
 * @until: when it may be tried again, in jiffies
 */
struct gather_failed {
	unsigned long pfn;
	unsigned long until;
};

/**
 * struct gather_stats - what came of it; read without a lock
 * @blocks: made whole
 * @evacuated: made free for the guest
 * @failed: tries that failed, of either
 */
struct gather_stats {
	u64 blocks;
	u64 evacuated;
	u64 failed;
};

/**
 * struct gather - the job of one device
 * @vb: probe-time only
 * @wq: probe-time only
 * @work: one step, a few milliseconds
 * @memory_nb: hears of memory going offline
 * @stopped: the work must not be queued; device coming and going only
 * @lock: protects what follows
 * @offlining: some memory is going offline; the kernel lets one piece at a time
 * @state: for people
 * @stats: likewise
 * @evacuating: the zones are gone through for the guest's sake
 * @kicked: single pages came meanwhile
 * @room: blocks that its free pages would fill, in the zone at hand
 * @due: blocks that may be evacuated yet; no more than were made whole
 * @gained: blocks made whole since the zones were last begun with
 * @backoff: jiffies between scans that gain nothing
 * @not_before: no scan before this time, in jiffies, ...
 * @retargets: ... unless the host has changed its target since (resize_retargets())
 * @failed: the last blocks that failed
 * @next_failed: the oldest of them
 * @looks: in vain, for room in the zone
 * @exchange: the one at hand
 * @evacuate: the block at hand
 * @zone: number of the one at hand, among all with memory
 * @base: PFN of the first of @blocks
 * @blocks: what each block held at the last scan, or NULL
 * @order: scratch of @pick
 * @pick: those to take next
 */
struct gather {
	struct virtio_balloon *vb;
	struct workqueue_struct *wq;
	struct delayed_work work;
	struct notifier_block memory_nb;
	bool stopped;
	struct mutex lock;
	bool offlining;
	enum gather_state state;
	struct gather_stats stats;
	bool evacuating;
	bool kicked;
	unsigned long room;
	unsigned long due;
	unsigned long gained;
	unsigned long backoff;
	unsigned long not_before;
	unsigned int retargets;
	struct gather_failed failed[GATHER_FAILED];
	unsigned int next_failed;
	unsigned int looks;
	unsigned int zone;
	struct exchange exchange;
	struct evacuate evacuate;
	unsigned long base;
	struct gather_block *blocks;
	u32 *order;
	struct gather_pick pick;
};

int gather_init(struct gather *c, struct virtio_balloon *vb,
		u32 block_size);
void gather_exit(struct gather *c);
void gather_start(struct gather *c);
void gather_stop(struct gather *c);
const char *gather_state_name(const struct gather *c);

/* gather_scan.c */
int gather_scan(struct gather *c);
void gather_forget(struct gather *c);

#endif
