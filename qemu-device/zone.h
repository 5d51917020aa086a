/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zones: the RAM blocks that the balloon has pages of, each with its ledgers.
 * Pages are kept by block and not by guest address, so that two addresses of
 * one page count once, and a memory module that is unplugged takes its part
 * of the ledger along.
 *
 * Context of everything here: BQL held.  A zone is valid until the BQL is
 * dropped, as its block may go then.
 */
#ifndef BALLONET_ZONE_H
#define BALLONET_ZONE_H

#include "compat.h"
#include "qemu/queue.h"

#include "ledger.h"

typedef struct BalloonZone {
    RAMBlock *rb;
    void *host;    /* where the block is mapped: names it when it goes */
    uint64_t unit; /* 4 KiB pages that go back together: a host page, or the granularity */
    Ledger *in;    /* pages in the balloon */
    Ledger *fresh; /* those of them that are still to be given back */
    bool refused;  /* the host failed to discard here; not tried again before a reset */
    QTAILQ_ENTRY(BalloonZone) next;
} BalloonZone;

typedef struct BalloonZones {
    QTAILQ_HEAD(, BalloonZone) list;
    RAMBlockNotifier notifier;
    uint64_t granularity; /* bytes; what the user wants to go back together, 0: host pages */
} BalloonZones;

void balloon_zones_init(BalloonZones *zs);
void balloon_zones_fini(BalloonZones *zs);

/* The zone of @rb, made where there is none yet. */
BalloonZone *balloon_zone_of(BalloonZones *zs, RAMBlock *rb);

/* The balloon is empty: the guest owns all of its memory again. */
void balloon_zones_clear(BalloonZones *zs);

/*
 * Over all zones: pages in the balloon; those of them that are still to be
 * given back; with those that wait for the rest of what goes back together;
 * those in whole blocks of @block bytes.  The last two walk the ledgers.
 */
uint64_t balloon_zones_in(const BalloonZones *zs);
uint64_t balloon_zones_fresh(const BalloonZones *zs);
uint64_t balloon_zones_withheld(const BalloonZones *zs);
uint64_t balloon_zones_whole(const BalloonZones *zs, uint64_t block);

#endif
