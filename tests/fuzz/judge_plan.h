/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What plan_next() may answer, from one byte for each page: judged by what
 * plan.h promises, not by a second way to find the run.
 */
#ifndef BALLONET_FUZZ_JUDGE_PLAN_H
#define BALLONET_FUZZ_JUDGE_PLAN_H

#include <glib.h>

#include "bytes.h"
#include "plan.h"

/* The model's loops over bytes are most of the time, and not what is looked into. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("address", "undefined", "coverage"))), \
                             apply_to = function)
#endif
#include "model.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

/* Whether host page @first is to be given back: all in the balloon, some of it fresh. */
static bool due(const Model *in, const Model *fresh, uint64_t first, uint64_t unit)
{
    return unit <= in->pages && first <= in->pages - unit &&
           model_count(in, first, unit) == unit && model_count(fresh, first, unit);
}

/* Nothing that was due before the run was passed; the rest was dropped from @fresh. */
static void judge_passed(const Model *in, Model *fresh, uint64_t from, uint64_t to, uint64_t unit)
{
    const uint8_t *hit;

    while (from < to && (hit = memchr(fresh->in + from, 1, to - from))) {
        uint64_t page = (uint64_t)(hit - fresh->in) / unit * unit;

        CHECK(!due(in, fresh, page, unit));
        model_change(fresh, page, unit, false);
        from = page + unit;
    }
}

/* The next host page that is due could not have been part of the run. */
static void judge_end(const Model *in, const Model *fresh, const PlanLimits *lim,
                      const PlanRun *run, uint64_t max)
{
    uint64_t end = run->first + run->n;

    for (uint64_t p = end; p < in->pages && p - end <= lim->bridge; p += lim->unit) {
        if (lim->unit > in->pages - p || p + lim->unit - run->first > max ||
            model_count(in, p, lim->unit) < lim->unit) {
            return;
        }
        CHECK(!due(in, fresh, p, lim->unit));
    }
}

/* Calls plan_next(), judges the answer, and keeps @fresh_model like @fresh. */
static bool judge_plan(const Ledger *in, Ledger *fresh, const Model *in_model, Model *fresh_model,
                       uint64_t from, const PlanLimits *lim, PlanRun *run)
{
    uint64_t unit = lim->unit, max = MAX(lim->max / unit, 1) * unit;

    if (!plan_next(in, fresh, from, lim, run)) {
        judge_passed(in_model, fresh_model, from, in_model->pages, unit);
        return false;
    }
    CHECK(run->n && run->first % unit == 0 && run->n % unit == 0);
    CHECK(run->first >= from && run->n <= max && run->first + run->n <= in_model->pages);
    CHECK(model_count(in_model, run->first, run->n) == run->n);
    CHECK(due(in_model, fresh_model, run->first, unit));
    CHECK(due(in_model, fresh_model, run->first + run->n - unit, unit));
    judge_passed(in_model, fresh_model, from, run->first, unit);
    judge_end(in_model, fresh_model, lim, run, max);
    return true;
}

#endif
