/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to the host: fill, submit, reap, drain.  Owns every virtqueue that
 * carries page numbers; nothing else touches those.  How a request looks on
 * the wire is an implementation's matter (hostcomm_ops): the standard PFN
 * queues, or page ops (spec/page-ops.md).
 *
 * Requests are preallocated by who uses them: submitting allocates nothing,
 * so reclaim, OOM and migrate paths may submit.
 *
 * Locks: hostcomm.lock is the innermost lock of the driver; it is never held
 * over a done() callback.
 */
#ifndef BALLONET_HOSTCOMM_H
#define BALLONET_HOSTCOMM_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct virtio_device;
struct virtqueue;
struct page;
struct hostcomm;

enum hostcomm_op {
	HOSTCOMM_INFLATE,	/* the pages enter the balloon */
	HOSTCOMM_DEFLATE,	/* the pages leave it */
	HOSTCOMM_SWAP,		/* pages leave it, others enter in their place */
	HOSTCOMM_NR_OPS
};

enum hostcomm_vq {
	HOSTCOMM_VQ_INFLATE,
	HOSTCOMM_VQ_DEFLATE,
	HOSTCOMM_VQ_OPS,	/* page ops only */
	HOSTCOMM_NR_VQS
};

/**
 * enum hostcomm_state - where a request is
 * @HOSTCOMM_IDLE: its user's, to begin, fill and submit
 * @HOSTCOMM_OUT: submitted; done() is to be called
 * @HOSTCOMM_DONE: done() runs
 */
enum hostcomm_state {
	HOSTCOMM_IDLE,
	HOSTCOMM_OUT,
	HOSTCOMM_DONE,
};

/**
 * struct hostcomm_request - one trip to the host
 * @node: on hostcomm.waiting while the ring is full, on hostcomm.answered until
 *	done() is called; else the submitter's
 * @hc: where it is sent; set at init
 * @op: what it says of its pages
 * @state: under hostcomm.lock, but for the step from DONE to IDLE
 * @orphaned: who waited for the answer has given up; does not change while done() runs
 * @pages: guest pages added so far
 * @acked: of these, from the first on, how many the host did as told; set
 *	before done()
 * @err: what done() is called with; set before
 * @under_page_lock: done() may be called with page locks held; set at init
 * @max_pages: guest pages it has room for; set at init
 * @max_chunks: runs of consecutive pages it has room for; set at init
 * @wire: what the implementation sends; set at init
 * @page_list: pages the submitter hangs here (by page->lru); untouched below
 * @done: called once per submit, see hostcomm_submit()
 * @back: called after done(), as soon as the request is idle, must not sleep; may be
 *	NULL; set at init
 */
struct hostcomm_request {
	struct list_head node;
	struct hostcomm *hc;
	enum hostcomm_op op;
	enum hostcomm_state state;
	bool orphaned;
	u32 pages;
	u32 acked;
	int err;
	bool under_page_lock;
	u32 max_pages;
	u32 max_chunks;
	void *wire;
	struct list_head page_list;
	void (*done)(struct hostcomm_request *rq, int err);
	void (*back)(struct hostcomm *hc);
};

/**
 * struct hostcomm_ops - one way to talk to the host
 * @name: for messages
 * @pfn_limit: the first guest PFN it cannot name
 * @batch_pages: guest pages worth sending in one request
 * @zeroed_pages: the same where the guest writes to each page it takes, so that
 *	the host has to back them all until it was told
 * @batch_chunks: runs of pages in it at most
 * @swap: knows HOSTCOMM_SWAP
 * @wire_size: bytes of @wire of a request
 * @begin: the request is to be filled; may be NULL
 * @add: append @nr guest pages from @page on; false if there is no room
 * @add_swap: append @page leaving and @newpage entering; false likewise
 * @post: hand the request to the device, and say by hostcomm.notify which queue
 *	it is to be notified of; hostcomm.lock held; -ENOSPC means wait for room
 * @reap: the next answered request or NULL, with its errno and @acked;
 *	hostcomm.lock held
 * @detach: after a reset: the next request the device never answered, or NULL
 * @broken: the device will not answer any more
 */
struct hostcomm_ops {
	const char *name;
	u64 pfn_limit;
	u32 batch_pages;
	u32 zeroed_pages;
	u32 batch_chunks;
	bool swap;
	size_t (*wire_size)(u32 pages, u32 chunks);
	void (*begin)(struct hostcomm_request *rq);
	bool (*add)(struct hostcomm_request *rq, struct page *page, u32 nr);
	bool (*add_swap)(struct hostcomm_request *rq, struct page *page,
			 struct page *newpage);
	int (*post)(struct hostcomm_request *rq);
	struct hostcomm_request *(*reap)(struct hostcomm *hc, int *err);
	struct hostcomm_request *(*detach)(struct hostcomm *hc);
	bool (*broken)(struct hostcomm *hc);
};

/**
 * struct hostcomm_stats - what went over the queues; under hostcomm.lock
 * @requests: requests posted, by op
 * @pages: guest pages in them, by op
 * @waits: times a caller slept for an answer
 * @refused: requests the host did not do, or not whole
 */
struct hostcomm_stats {
	u64 requests[HOSTCOMM_NR_OPS];
	u64 pages[HOSTCOMM_NR_OPS];
	u64 waits;
	u64 refused;
};

/**
 * struct hostcomm - the balloon's side of the conversation
 * @vdev: probe-time only
 * @ops: probe-time only
 * @vqs: set while the queues exist
 * @ops_max: operations in a buffer at most (page ops); probe-time only
 * @lock: protects the rings, @waiting, @answered, @inflight, @posting, @notify,
 *	@stats, @stalled
 * @waiting: submitted, not yet in a ring that was full
 * @answered: taken off a ring; done() is to be called
 * @inflight: submitted and not yet done
 * @posting: false before start and after stop: submits wait
 * @notify: a bit for each of @vqs that the device is to be notified of
 * @ending: nobody is to wait, see hostcomm_end_waits()
 * @answers: counts interrupts, so that a waiter misses none
 * @acked: woken by each answer, after each done(), and to end waits
 * @reap_work: runs done() for answers nobody waits for
 * @watchdog: says so when the host keeps silent
 * @last_answer: jiffies
 * @stalled: the silence was reported
 */
struct hostcomm {
	struct virtio_device *vdev;
	const struct hostcomm_ops *ops;
	struct virtqueue *vqs[HOSTCOMM_NR_VQS];
	u32 ops_max;
	spinlock_t lock;
	struct list_head waiting;
	struct list_head answered;
	unsigned int inflight;
	bool posting;
	unsigned int notify;
	bool ending;
	struct hostcomm_stats stats;
	atomic_t answers;
	wait_queue_head_t acked;
	struct workqueue_struct *wq;
	struct work_struct reap_work;
	struct delayed_work watchdog;
	unsigned long last_answer;
	bool stalled;
};

extern const struct hostcomm_ops hostcomm_pfn_ops;
extern const struct hostcomm_ops hostcomm_page_ops;

int hostcomm_init(struct hostcomm *hc, struct virtio_device *vdev,
		  const struct hostcomm_ops *ops);
void hostcomm_exit(struct hostcomm *hc);
void hostcomm_start(struct hostcomm *hc);
void hostcomm_stop(struct hostcomm *hc);
void hostcomm_answered(struct virtqueue *vq);

int hostcomm_request_init(struct hostcomm *hc, struct hostcomm_request *rq,
			  u32 max_pages, u32 max_chunks,
			  void (*done)(struct hostcomm_request *rq, int err));
void hostcomm_request_exit(struct hostcomm_request *rq);
void hostcomm_begin(struct hostcomm_request *rq, enum hostcomm_op op);
bool hostcomm_add(struct hostcomm_request *rq, struct page *page, u32 nr);
bool hostcomm_add_swap(struct hostcomm_request *rq, struct page *page,
		       struct page *newpage);
void hostcomm_submit(struct hostcomm_request *rq);

void hostcomm_reap(struct hostcomm *hc, bool page_locked);
bool hostcomm_wait(struct hostcomm *hc, bool page_locked,
		   bool (*cond)(void *arg), void *arg, unsigned long timeout);
bool hostcomm_await(struct hostcomm_request *rq, unsigned long timeout);
void hostcomm_end_waits(struct hostcomm *hc, bool end);
bool hostcomm_drain(struct hostcomm *hc, unsigned long timeout);
bool hostcomm_broken(struct hostcomm *hc);

/* Whether the host can be told of the page at all. */
static inline bool hostcomm_can_name(const struct hostcomm *hc, u64 pfn)
{
	return pfn < hc->ops->pfn_limit;
}

/* Whether a request may be begun again; what its done() did is seen then. */
static inline bool hostcomm_is_idle(const struct hostcomm_request *rq)
{
	/* Pairs with hostcomm_finish(). */
	return smp_load_acquire(&rq->state) == HOSTCOMM_IDLE;
}

static inline u32 hostcomm_room(const struct hostcomm_request *rq)
{
	return rq->max_pages - rq->pages;
}

#endif
