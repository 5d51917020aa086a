/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the guest gets to the size it was asked for.  No driver says that it
 * cannot; that its size has stood still on either side of the target for a
 * while does.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_TARGET_H
#define BALLONET_TARGET_H

#include "qemu/timer.h"

struct Ballonet;

typedef struct BalloonTarget {
    QEMUTimer *timer; /* virtual clock: a stopped guest is not blamed */
    bool unreached;   /* shown to the host's user */
} BalloonTarget;

void balloon_target_init(struct Ballonet *s);
void balloon_target_fini(struct Ballonet *s);

/* The target or the guest's size changed, or both came with a migration stream. */
void balloon_target_watch(struct Ballonet *s);

#endif
