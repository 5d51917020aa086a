/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ops queue (spec/page-ops.md): its buffers, in order, each an array of
 * operations that ends in a status.  Driven by the executor: operations change
 * the ledgers here, the executor discards what they made fresh, and only then
 * are the buffers answered.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_OPS_H
#define BALLONET_OPS_H

#include "opwork.h"
#include "queue.h"

struct Ballonet;

/* A buffer that is done and waits for its discards. */
typedef struct BalloonOpsAnswer {
    VirtQueueElement *elem;
    uint32_t status;
    uint32_t index;
} BalloonOpsAnswer;

typedef struct BalloonOps {
    VirtQueue *vq;          /* where the buffers below came from */
    VirtQueueElement *elem; /* being worked on; NULL: none */
    uint8_t *raw;           /* its operations: the one copy */
    OpShape shape;
    uint32_t n, done;       /* operations in it, and done of them */
    bool working;           /* number @done of them is in @work */
    BalloonOpWork work;
    uint32_t resume;        /* so many of the next buffer's were done before it was put back */
    BalloonOpsAnswer held[BALLOON_QUEUE_SIZE];
    unsigned nheld;
    bool answered;          /* the driver has not heard of it yet */
    uint64_t entered;       /* pages that entered the balloon by them */
    uint32_t block_size;    /* what the driver reads; fixed between resets */
    bool moved;             /* to a host that has another ops_block_size than the driver saw */
} BalloonOps;

/* The queue; NULL where page ops are not negotiated. */
VirtQueue *balloon_ops_queue(struct Ballonet *s);

void balloon_ops_init(struct Ballonet *s);

/*
 * Looks what block size to tell a driver, from the host's backing of guest
 * memory and the discard-granularity.  Only while no driver has read it.
 */
void balloon_ops_look(struct Ballonet *s);

/*
 * Does what is queued until all is done, @limit pages have entered that are
 * not discarded yet, or get_clock() is past @deadline.
 */
void balloon_ops_gather(struct Ballonet *s, uint64_t limit, int64_t deadline);

/* Answers the buffers that are done; the driver hears of it by balloon_ops_notify(). */
void balloon_ops_answer(struct Ballonet *s);

/*
 * The interrupt for what was answered.  The last thing before the BQL is
 * dropped: a vCPU that reads the interrupt status waits for that lock.
 */
void balloon_ops_notify(struct Ballonet *s);

/* The VM runs (again). */
void balloon_ops_resume(struct Ballonet *s);

/* Whether nothing is queued, in work or to be answered. */
bool balloon_ops_idle(struct Ballonet *s);

/*
 * Leaves nothing popped but what waits for balloon_ops_answer(): a buffer that
 * is not done by @deadline is put back, and it is noted how far it is.
 */
void balloon_ops_settle(struct Ballonet *s, int64_t deadline);

/* The ring is reset: the driver has forgotten its buffers. */
void balloon_ops_forget(struct Ballonet *s);

#endif
