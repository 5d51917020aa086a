/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: from what the ledger says is in the balloon, and which of those
 * pages are fresh (their memory not given back yet), the fewest discards that
 * give it back, in whole blocks: host pages, or more where the user asks for it.
 *
 * The state is in the ledgers alone, so it does not matter in what order, in
 * which buffers or with what pauses the 4 KiB pieces of a huge page arrive.
 * Pure: no lock, no guest memory, no QEMU type; the owner serialises access.
 */
#ifndef BALLONET_PLAN_H
#define BALLONET_PLAN_H

#include "ledger.h"

typedef struct PlanLimits {
    uint64_t unit;   /* 4 KiB pages in one block, which goes back as a whole, >= 1 */
    uint64_t bridge; /* so many pages given back before may be discarded again to join two runs */
    uint64_t max;    /* longest run wanted, in pages; raised to one unit where it is less */
} PlanLimits;

typedef struct PlanRun {
    uint64_t first; /* multiple of the unit */
    uint64_t n;     /* multiple of the unit, > 0 */
} PlanRun;

/*
 * The next run to discard at or after page @from (a multiple of the unit).
 *
 * Every page of it is in @in, the first and the last block have a fresh
 * page each.  Fresh pages of a block that is not wholly in the balloon are
 * passed, and dropped from @fresh: the last of its pages to arrive brings the
 * whole back.  The pages of the run stay fresh; the caller takes them out of
 * @fresh once they are discarded.  Return: false where nothing is left to do.
 */
bool plan_next(const Ledger *in, Ledger *fresh, uint64_t from, const PlanLimits *lim, PlanRun *run);

/*
 * How many pages of @in are not given back: the fresh ones, and those of a
 * block of @unit pages that is not wholly in the balloon.
 */
uint64_t plan_withheld(const Ledger *in, const Ledger *fresh, uint64_t unit);

#endif
