/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim: gives the pending pages of the ledgers back to the host, at a pace
 * that keeps each hold of the main lock short.  Knows when the host must not
 * take memory, for how long a page may stay pending, and when a discard that
 * failed is tried again.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_RECLAIM_H
#define BALLONET_RECLAIM_H

#include "qemu/timer.h"
#include "discard.h"
#include "ram.h"

struct Ballonet;

typedef struct BalloonReclaim {
    BalloonDiscard discard;
    bool inhibited;     /* at the last look */
    bool uninhibited;   /* an inhibition has ended since the owner cleared this */
    int64_t start;      /* get_clock() at the first of several calls, or somewhat before */
    int64_t start_cpu;  /* processor time of the thread then */
    QEMUTimer *timer;   /* to look whether an inhibition has ended, to try again what failed */
} BalloonReclaim;

/* @look is called with the device when it is time for the next run. */
void balloon_reclaim_init(struct Ballonet *s, QEMUTimerCB *look);
void balloon_reclaim_fini(struct Ballonet *s);

/* Why memory must not be discarded at this moment; NULL: it may. */
const char *balloon_reclaim_inhibited(void);

/*
 * Whether a page in the balloon is the device's until it was told that the page
 * leaves, so that it may be discarded after its buffer was answered.  True for
 * a driver that negotiated page ops (page-ops.md 4.1) or MUST_TELL_HOST
 * (VIRTIO 5.5.3), while it is up.  Any other driver may free a page first and
 * deflate it later.
 */
bool balloon_reclaim_may_defer(struct Ballonet *s);

/*
 * Discards what is pending, and what failed where its time has come.
 * Return: whether nothing is left that could be discarded now; false where the
 * deadline (get_clock()) passed or a deflate came in, which must be applied first.
 */
bool balloon_reclaim_run(struct Ballonet *s, int64_t deadline);

/*
 * The buffers so far are about to be answered.  What is still pending stays so
 * only where it may be deferred; else it is dropped, and counted.
 */
void balloon_reclaim_settle(struct Ballonet *s);

/* Buffers were forgotten without an answer: what is pending must not be discarded any more. */
void balloon_reclaim_drop(struct Ballonet *s);

/* Looks for an inhibition; the timer waits for its end.  Return: as above. */
const char *balloon_reclaim_look(struct Ballonet *s);

/*
 * Discards up to the step of [start, end), a part of @b in bytes that a guest
 * reports as free, whole host pages.  Return: bytes that are dealt with, more
 * than 0, whether the host took them or not.
 */
uint64_t balloon_reclaim_reported(struct Ballonet *s, BalloonBlock *b, uint64_t start,
                                  uint64_t end);

#endif
