/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker of free page hinting: applies hints in the device's I/O thread.
 * It touches no queue and no device state but what hinting.h puts under its
 * two locks.
 */
#ifndef BALLONET_HINTWORK_H
#define BALLONET_HINTWORK_H

#include "hinting.h"

void balloon_hintwork_construct(BalloonHinting *h);
void balloon_hintwork_destruct(BalloonHinting *h);
void balloon_hintwork_init(struct Ballonet *s);
void balloon_hintwork_fini(struct Ballonet *s);

/* Hands a job over; the caller schedules work_bh.  Context: BQL held. */
void balloon_hintwork_add(BalloonHinting *h, BalloonHintJob *job);

/* The next job that is finished, NULL where there is none.  Context: BQL held. */
BalloonHintJob *balloon_hintwork_finished(BalloonHinting *h);

/* Hints of @run may be applied from now on; none may, and none is being applied any more. */
void balloon_hintwork_open(BalloonHinting *h, uint32_t run);
void balloon_hintwork_close(BalloonHinting *h);

/* Waits for the job at hand and finishes the others undone: all are in the finished list. */
void balloon_hintwork_stop(BalloonHinting *h);

/* In hinting.c, called in the main loop when jobs are finished. */
void balloon_hinting_collect(void *opaque);

#endif
