/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim: gives the fresh pages of the ledgers back to the host at a pace
 * that keeps a slice short, and waits while the host must not take them.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_RECLAIM_H
#define BALLONET_RECLAIM_H

#include "qemu/timer.h"
#include "ram.h"

struct Ballonet;

typedef struct BalloonReclaim {
    uint64_t step;    /* bytes to discard in one call, fitted to the host's pace */
    bool inhibited;   /* warned of; until the inhibition ends */
    QEMUTimer *retry; /* looks whether the inhibition has ended; there is no notice of it */
} BalloonReclaim;

/* @retry is called with the device when withheld pages are worth another try. */
void balloon_reclaim_init(struct Ballonet *s, QEMUTimerCB *retry);
void balloon_reclaim_fini(struct Ballonet *s);

/*
 * Discards what is fresh.  Return: whether nothing is left that could be
 * discarded now; false where the deadline (get_clock()) passed or a deflate
 * came in, which must be applied first.
 */
bool balloon_reclaim_run(struct Ballonet *s, int64_t deadline);

/* No retries until the next run. */
void balloon_reclaim_pause(struct Ballonet *s);

/* The ledgers were cleared: nothing is withheld any more. */
void balloon_reclaim_reset(struct Ballonet *s);

/* Counts what was given back in @ns, and fits the step to it. */
void balloon_reclaim_account(struct Ballonet *s, const BalloonGiven *got, int64_t ns);

#endif
