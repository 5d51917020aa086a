/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: turns queued buffers into ledger changes and discards, in slices
 * of about a millisecond, so that neither the main loop nor a vCPU waits long.
 *
 * Every buffer that names guest pages is a job, whatever queue it came from:
 * taken, applied in steps, completed when its pages are discarded.  An array of
 * PFNs is a lenient stream of INFLATE or DEFLATE, a buffer of page operations a
 * strict one, a report names pages without a ledger.
 *
 * Order, which the guest's data depends on:
 * - every deflate that is queued is applied before anything is discarded;
 * - an inflate buffer, or one of page operations, is answered only when its
 *   pages are discarded, or when it is settled that they cannot be now;
 * - before the VM stops every buffer is answered or put back, so that none is
 *   lost in a migration stream.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_ENGINE_H
#define BALLONET_ENGINE_H

#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/timer.h"

#include "job.h"

struct Ballonet;

typedef QSIMPLEQ_HEAD(BalloonJobs, BalloonJob) BalloonJobs;

typedef struct BalloonEngine {
    QEMUBH *bh;        /* the next slice */
    QEMUTimer *poll;   /* the next look at the rings */
    int64_t found;     /* get_clock() of the last buffer of page operations; 0: none lately */
    bool scheduled;    /* the bottom half is to come */
    bool running;      /* on the stack: a kick that comes now is left to it */
    bool kicks_off;    /* drivers need not notify us: we look by ourselves */
    BalloonJob *current[BALLOON_QUEUES]; /* being applied, one of each queue */
    BalloonJobs applied;                 /* wait for their discards */
    BalloonJobs settled;                 /* wait for their answers */
    unsigned njobs;    /* in both lists */
    unsigned segments; /* of guest memory that they and the current ones have mapped */
    uint64_t gathered; /* pages that entered the balloon since the lists were last settled */
    uint32_t answered; /* queues whose driver is to be interrupted; bit n is queue n */
    uint64_t reread[BALLOON_QUEUES]; /* PFNs that were read of buffers which were put back */
    uint32_t resume;   /* operations done of the next buffer, which was put back; migrated */
} BalloonEngine;

void balloon_engine_init(struct Ballonet *s);
void balloon_engine_fini(struct Ballonet *s);

/* A queue was kicked. */
void balloon_engine_kick(struct Ballonet *s);

/* There may be something to do: the driver is up, the VM runs again, pages are pending. */
void balloon_engine_wake(struct Ballonet *s);

/* The driver is no longer up: nothing is done until it is, or was reset. */
void balloon_engine_halt(struct Ballonet *s);

/*
 * The VM stops: every buffer is answered or put back.
 * Return: whether the device's state is still what it was (ring.h).
 */
bool balloon_engine_stop(struct Ballonet *s);

/* Device reset: the guest owns all its memory again, the rings are gone. */
void balloon_engine_reset(struct Ballonet *s);

/* One queue is reset: its buffers are forgotten, and no other's. */
void balloon_engine_queue_reset(struct Ballonet *s, VirtQueue *vq);

#endif
