/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search behind plan.h: take the first pending page, go back to the start
 * of its unit, and reach forward as far as balloon, limit and bridge allow.
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
 * Where the extent that starts at @start should end: after the last unit with a
 * pending page that can be reached below @stop without a gap longer than the bridge.
 */
static uint64_t reach(const Ledger *pending, uint64_t start, uint64_t stop, const PlanLimits *lim)
{
    uint64_t end = start;
    uint64_t first, n;

    while (end < stop &&
           ledger_next_extent(pending, end, MIN(stop, end + lim->bridge + lim->unit), &first, &n)) {
        uint64_t extent_end = ledger_find(pending, first, stop, false);

        /*
         * The window reaches one unit past the bridge: the gap is counted
         * between units, not between the pending pages within them.
         */
        if (end > start && first / lim->unit * lim->unit - end > lim->bridge) {
            break;
        }
        end = round_up(extent_end, lim->unit);
    }
    return MIN(end, stop);
}

bool plan_next(const Ledger *inflated, const Ledger *pending, uint64_t from,
               const PlanLimits *lim, PlanExtent *extent)
{
    uint64_t pages = ledger_pages(inflated);
    uint64_t max = MAX(lim->max / lim->unit, 1) * lim->unit;

    while ((from = ledger_find(pending, from, pages, true)) < pages) {
        uint64_t start = from / lim->unit * lim->unit;
        uint64_t stop = ledger_find(inflated, start, MIN(pages, start + max), false);

        stop = stop / lim->unit * lim->unit;
        if (stop > start) {
            extent->first = start;
            extent->n = reach(pending, start, stop, lim) - start;
            return true;
        }
        from = start + lim->unit;
    }
    return false;
}
