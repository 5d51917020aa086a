/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driving the balloon to the size the host asks for.  Nothing here waits for
 * the host: a work item fills requests as long as some are idle and returns;
 * each answer starts it again.
 *
 * Locks: resize.lock, innermost but for hostcomm.lock; taken in interrupts.
 */
#ifndef BALLONET_RESIZE_H
#define BALLONET_RESIZE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "hostcomm.h"
#include "nodes.h"
#include "resize_policy.h"

struct virtio_balloon;

/*
 * Requests on their way at once: the guest takes pages for some while the host
 * is at the others.  Fewer where the guest writes to each page it takes, as
 * the host backs those until it has answered.
 */
#define RESIZE_REQUESTS		6
#define RESIZE_REQUESTS_ZEROED	3

/**
 * struct resize - the way to the target
 * @vb: probe-time only
 * @wq: freezable, so that nothing moves during suspend; probe-time only
 * @work: the worker
 * @grown: called after the balloon grew, in process context, must not sleep; set
 *	once, before resize_start(), by who wants to know, or NULL
 * @floor: guest pages that must stay available; follows memory that is plugged
 * @nr_requests: of @rq, those in use; probe-time only
 * @inflate_batch: guest pages to inflate by in one request; probe-time only
 * @lock: protects the members from @inflating to @refused_pages
 * @inflating: guest pages on their way in
 * @deflating: guest pages on their way out
 * @policy: back-off and hold-off
 * @stopped: the worker must not be started
 * @refused: the host refused something since the last new target
 * @deflate_refused: of these, it refused to let pages go
 * @deflate_refused_at: the last time, in jiffies
 * @held_back: chunks that the host does not take, or that the guest is to have left,
 *	kept so that the guest's allocator hands out others, until there is
 *	nothing more to take on this way
 * @refused_pages: guest pages that ever were in @held_back because of the host
 * @retarget: the host changed its target; atomic
 * @target: the target, in guest pages; written by the worker
 * @retargets: how often that was another than before; likewise
 * @floor_given: guest pages given because less than @floor was available;
 *	written by the worker
 * @gives: there are pages to give in need; written by the worker
 * @actual: what the host was last told, in 4 KiB units; worker only
 * @reported: when, in jiffies; worker only
 * @nodes: which memory pages are taken from; worker only
 * @unacked: chunks of the balloon that a reset made the host forget, counted in
 *	@inflating; worker, or while it is stopped
 * @wanting: the last step had to wait for the guest to have more; worker only
 * @logged: the log knows that this target is out of reach; worker only
 * @rq: the requests; begun by the worker, or while it is stopped
 */
struct resize {
	struct virtio_balloon *vb;
	struct workqueue_struct *wq;
	struct delayed_work work;
	void (*grown)(struct virtio_balloon *vb);
	unsigned long floor;
	unsigned int nr_requests;
	u32 inflate_batch;
	spinlock_t lock;
	unsigned long inflating;
	unsigned long deflating;
	struct resize_policy policy;
	bool stopped;
	bool refused;
	bool deflate_refused;
	unsigned long deflate_refused_at;
	struct list_head held_back;
	u64 refused_pages;
	atomic_t retarget;
	unsigned long target;
	unsigned int retargets;
	u64 floor_given;
	bool gives;
	u32 actual;
	unsigned long reported;
	struct nodes nodes;
	struct list_head unacked;
	bool wanting;
	bool logged;
	struct hostcomm_request rq[RESIZE_REQUESTS];
};

int resize_init(struct resize *rz, struct virtio_balloon *vb);
void resize_exit(struct resize *rz);
void resize_start(struct resize *rz);
void resize_stop(struct resize *rz);
void resize_drain(struct resize *rz);
void resize_give_back(struct resize *rz);
void resize_free_rest(struct resize *rz);
void resize_wake(struct resize *rz);
void resize_keep_unacked(struct resize *rz);
void resize_retarget(struct resize *rz);
void resize_ran_dry(struct resize *rz);
unsigned long resize_look(struct resize *rz);
unsigned long resize_release(struct resize *rz);
bool resize_rests(struct resize *rz);

/* Changes whenever the host asks for another size than before. */
static inline unsigned int resize_retargets(const struct resize *rz)
{
	return READ_ONCE(rz->retargets);
}

#endif
