/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Residency: which pages of the balloon the host backs, by the host's own word
 * (/proc/self/pagemap, mincore(2)).  A page that went back to the host can be
 * backed again without the guest: by khugepaged, a snapshot, a dump, a device
 * that pins guest memory.  A slow sweep over the balloon counts such pages and,
 * for drivers that tell before they use a page, gives them back again.
 *
 * Reads page tables, never memory.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_RESIDENCY_H
#define BALLONET_RESIDENCY_H

#include <stdint.h>

#include "qemu/timer.h"

struct Ballonet;

typedef struct BalloonResidency {
    uint32_t interval; /* property: seconds between two sweeps; 0: no sweeps */
    QEMUTimer *timer;  /* the next look */
    int pagemap;       /* of this process; -1: not opened, or not readable */
    bool sweeping;     /* in the middle of a sweep */
    uint64_t found;    /* pages that are backed, in this sweep so far */
    uint64_t resident; /* the same, of the last whole sweep; property */
} BalloonResidency;

/* @look is called with the device when it is time for balloon_residency_step(). */
void balloon_residency_init(struct Ballonet *s, QEMUTimerCB *look);
void balloon_residency_fini(struct Ballonet *s);

/* The next step of a sweep.  Return: whether pages are pending by it. */
bool balloon_residency_step(struct Ballonet *s);

/* The balloon is not empty: sweeps begin, if they have not. */
void balloon_residency_watch(struct Ballonet *s);

/* An inhibition has ended: the next sweep begins at once. */
void balloon_residency_sweep_now(struct Ballonet *s);

/* The balloon is empty. */
void balloon_residency_reset(struct Ballonet *s);

#endif
