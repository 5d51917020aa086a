/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: from what the ledger says is inflated, and which of those pages
 * are pending (their memory is still to be given back), the next extent to
 * discard, so that the fewest discards give all of it back in whole units: host
 * pages, or larger blocks where the user asks for them.
 *
 * The state is in the ledgers alone, so it does not matter in what order, in
 * which buffers or with what pauses the 4 KiB pieces of a huge page arrive.
 * Pure: no lock, no guest memory, no QEMU type; changes nothing; the owner
 * serialises access.
 */
#ifndef BALLONET_PLAN_H
#define BALLONET_PLAN_H

#include "ledger.h"

typedef struct PlanLimits {
    uint64_t unit;   /* 4 KiB pages that only go back together, >= 1 */
    uint64_t bridge; /* so many pages given back before may be discarded again to join extents */
    uint64_t max;    /* longest extent wanted, in pages; raised to one unit where it is less */
} PlanLimits;

typedef struct PlanExtent {
    uint64_t first; /* multiple of the unit */
    uint64_t n;     /* > 0; a multiple of the unit */
} PlanExtent;

/*
 * The next extent at or after page @from (a multiple of the unit), in constant
 * time but for the length of the extent.  Every page of it is in @inflated, and
 * its first and its last unit have a pending page each.  Units that are not
 * wholly inflated are passed over, one by one: the owner has none of their
 * pages pending.
 * Return: false where there is no more.
 */
bool plan_next(const Ledger *inflated, const Ledger *pending, uint64_t from,
               const PlanLimits *lim, PlanExtent *extent);

#endif
