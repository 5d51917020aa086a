/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: a buffer that names guest pages, and how far it is applied.  An array
 * of PFNs is a lenient stream of INFLATE or DEFLATE, a buffer of page
 * operations a strict one, a report names pages without a ledger.
 *
 * A job reads its buffer and changes the ledgers, in steps that are short
 * whatever the guest puts in it.  It never writes to guest memory; when its
 * steps are taken, and when it is answered, is for the engine.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_JOB_H
#define BALLONET_JOB_H

#include "qemu/queue.h"

#include "request.h"
#include "virtqueues.h"

struct Ballonet;

typedef enum BalloonOpPhase {
    BALLOON_OP_NEXT,   /* the next operation has not been read */
    BALLOON_OP_CHECK,  /* its pages are looked up: nothing has changed */
    BALLOON_OP_CHANGE, /* all of them may change; some have */
} BalloonOpPhase;

typedef struct BalloonJob {
    VirtQueueElement elem; /* first: virtqueue_pop() allocates the whole */
    VirtQueue *vq;
    BalloonQueue queue;
    uint64_t units;        /* PFNs, operations, or parts of a report */
    uint64_t done;         /* of them */
    uint64_t counted;      /* PFNs: so many were counted when the buffer was read before */
    uint64_t entered;      /* pages that entered the balloon by it */
    uint64_t part_bytes;   /* REPORTING: dealt with of part number @done */

    /* OPS */
    RequestOpsShape shape;
    uint32_t status;       /* VIRTIO_BALLOON_OPS_*, so far */
    BalloonOpPhase phase;  /* of operation number @done */
    RequestOp op;
    uint64_t passed;       /* pages of it that this phase is through with */

    QSIMPLEQ_ENTRY(BalloonJob) next;
} BalloonJob;

/* Validates the shape of a buffer that was just taken from @queue, and counts what is wrong. */
void balloon_job_begin(struct Ballonet *s, BalloonJob *job, BalloonQueue queue);

/* One step.  Return: whether the job is applied. */
bool balloon_job_step(struct Ballonet *s, BalloonJob *job);

#endif
