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
    uint64_t n;     /* > 0; a multiple of the unit, but for the ragged end of a ledger */
} PlanExtent;

typedef enum PlanStep {
    PLAN_NOTHING, /* no page is pending from there on */
    PLAN_DISCARD, /* the extent is to be discarded, and is not pending after that */
    PLAN_PARTIAL, /* the extent is one unit that is not wholly inflated: it cannot go back yet */
} PlanStep;

/*
 * The next step at or after page @from (a multiple of the unit), in constant
 * time but for the length of the extent.
 *
 * PLAN_DISCARD: every page of the extent is in @inflated, and its first and its
 * last unit have a pending page each.
 * PLAN_PARTIAL: the caller takes the pages of the unit out of @pending; the
 * last page of the unit to be inflated brings the whole unit back.
 */
PlanStep plan_next(const Ledger *inflated, const Ledger *pending, uint64_t from,
                   const PlanLimits *lim, PlanExtent *extent);

/*
 * How many pages of @inflated are not given back: the pending ones, and those
 * of a unit of @unit pages that is not wholly inflated.  Walks the ledgers.
 */
uint64_t plan_withheld(const Ledger *inflated, const Ledger *pending, uint64_t unit);

#endif
