/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search behind plan.h: take the first fresh page, go back to the start of
 * its block, and reach forward as far as balloon, limit and bridge allow.
 *
 * Pure: see plan.h for who serialises access.
 */
#include <glib.h>

#include "plan.h"

static uint64_t round_up(uint64_t page, uint64_t unit)
{
    return (page + unit - 1) / unit * unit;
}

/*
 * Where the run that starts at @start should end: after the last fresh
 * block that can be reached below @stop without a gap longer than the bridge.
 */
static uint64_t reach(const Ledger *fresh, uint64_t start, uint64_t stop, const PlanLimits *lim)
{
    uint64_t end = start;
    uint64_t first, n;

    while (end < stop &&
           ledger_next_run(fresh, end, MIN(stop, end + lim->bridge + lim->unit), &first, &n)) {
        uint64_t run_end = ledger_find(fresh, first, stop, false);

        /*
         * The window reaches one unit past the bridge: the gap is counted
         * between blocks, not between the fresh pages within them.
         */
        if (end > start && first / lim->unit * lim->unit - end > lim->bridge) {
            break;
        }
        end = round_up(run_end, lim->unit);
    }
    return MIN(end, stop);
}

bool plan_next(const Ledger *in, Ledger *fresh, uint64_t from, const PlanLimits *lim, PlanRun *run)
{
    uint64_t pages = ledger_pages(in);
    uint64_t max = MAX(lim->max / lim->unit, 1) * lim->unit;

    for (;;) {
        uint64_t f = ledger_find(fresh, from, pages, true);
        uint64_t start = f / lim->unit * lim->unit;
        uint64_t stop;

        if (f >= pages) {
            return false;
        }
        stop = ledger_find(in, start, MIN(pages, start + max), false);
        stop = stop / lim->unit * lim->unit;
        if (stop > start) {
            run->first = start;
            run->n = reach(fresh, start, stop, lim) - start;
            return true;
        }
        ledger_clear(fresh, start, lim->unit);
        from = start + lim->unit;
    }
}

uint64_t plan_withheld(const Ledger *in, const Ledger *fresh, uint64_t unit)
{
    uint64_t withheld = ledger_count(in), at = 0, first, n;

    if (unit == 1) {
        return ledger_count(fresh); /* every page is a whole block */
    }
    while (ledger_next_blocks(in, unit, at, &first, &n)) {
        withheld -= n - ledger_count_in(fresh, first, n);
        at = first + n;
    }
    return withheld;
}
