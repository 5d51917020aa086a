/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the rings instead of being told: for a while after a buffer came
 * in the driver need not notify us of the next, as a timer looks for it.  A
 * guest that shrinks sends a buffer every few milliseconds; each notification
 * would stop its processor.
 *
 * Only for drivers that do not wait for one buffer before they send the next:
 * for these each look would be a delay.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_POLL_H
#define BALLONET_POLL_H

#include "qemu/timer.h"

typedef struct BalloonPoll {
    QEMUTimer *timer;
    int64_t found; /* get_clock() of the last buffer; 0: none yet */
} BalloonPoll;

/* @look is called with @opaque when it is time to look at the rings. */
void balloon_poll_init(BalloonPoll *p, QEMUTimerCB *look, void *opaque);
void balloon_poll_fini(BalloonPoll *p);

/* A buffer was found. */
void balloon_poll_found(BalloonPoll *p);

/*
 * Nothing is queued any more.  Return: true where there will be another look,
 * so that no notification is needed; false where they must be switched on.
 */
bool balloon_poll_go_on(BalloonPoll *p);

/* No look until the next buffer is found. */
void balloon_poll_stop(BalloonPoll *p);

#endif
