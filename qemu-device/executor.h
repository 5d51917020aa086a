/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The executor: turns queued buffers into ledger changes and discards, in
 * slices of about 2 ms, so that neither the main loop nor a vCPU waits long.
 *
 * Order, which the guest's data depends on:
 * - every deflate that is queued is applied before anything is discarded;
 * - an inflate buffer, or one of page operations, goes back only when its
 *   pages are discarded, or when it is settled that they cannot be now;
 * - what was popped is finished or put back before the VM stops, a queue is
 *   reset or the state is saved: no buffer is lost in a migration stream.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_EXECUTOR_H
#define BALLONET_EXECUTOR_H

#include "qemu/main-loop.h"
#include "qemu/timer.h" /* SCALE_MS */

#include "poll.h"

/* How long the main loop or a vCPU may be held at a time. */
#define BALLOON_SLICE_NS (2 * SCALE_MS)

struct Ballonet;

typedef struct BalloonExecutor {
    QEMUBH *bh;         /* the next slice */
    BalloonPoll poll;   /* once there is none, while page ops are negotiated */
    bool busy;          /* one of the two is to come; kicks are not needed */
} BalloonExecutor;

void balloon_executor_init(struct Ballonet *s);
void balloon_executor_fini(struct Ballonet *s);

/* A queue was kicked. */
void balloon_executor_kick(struct Ballonet *s);

/* The VM runs (again): looks for buffers nobody will kick for, and for withheld memory. */
void balloon_executor_resume(struct Ballonet *s);

/* Finishes or puts back all that was popped; bounded. */
void balloon_executor_drain(struct Ballonet *s);

/* Device reset: the guest owns all its memory again, the rings are gone. */
void balloon_executor_reset(struct Ballonet *s);

#endif
