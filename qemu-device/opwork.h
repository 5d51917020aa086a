/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One page operation: judged as a whole, then done as a whole, each in steps
 * short enough for a slice also where it names terabytes.  Between two steps
 * nothing else may change the ledgers; that a module of memory goes meanwhile
 * is no harm, its pages just go with it.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_OPWORK_H
#define BALLONET_OPWORK_H

#include "oprequest.h"
#include "ram.h"

typedef struct BalloonOpWork {
    OpRequest op;
    bool changing;   /* judged to be good; has begun to change the ledgers */
    uint64_t passed; /* pages of op.leave and op.enter that this pass is through with */
    uint32_t status; /* VIRTIO_BALLOON_OPS_*, as far as is known */
} BalloonOpWork;

/* Takes on the operation in the 24 bytes at @raw. */
void balloon_opwork_begin(BalloonOpWork *w, const uint8_t *raw);

/* One step.  Return: whether it is settled; w->status then says how. */
bool balloon_opwork_step(BalloonOpWork *w, BalloonRam *ram);

#endif
