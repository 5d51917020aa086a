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

/* Whether host page @first is to be given back: all in the balloon, some of it pending. */
static bool due(const Model *in, const Model *pending, uint64_t first, uint64_t unit)
{
    return unit <= in->pages && first <= in->pages - unit &&
           model_count(in, first, unit) == unit && model_count(pending, first, unit);
}

/* Nothing pending was passed over before page @to. */
static void judge_passed(const Model *pending, uint64_t from, uint64_t to)
{
    CHECK(from >= to || model_count(pending, from, to - from) == 0);
}

/* The next host page that is due could not have been part of the run. */
static void judge_end(const Model *in, const Model *pending, const PlanLimits *lim,
                      const PlanExtent *run, uint64_t max)
{
    uint64_t end = run->first + run->n;

    for (uint64_t p = end; p < in->pages && p - end <= lim->bridge; p += lim->unit) {
        if (lim->unit > in->pages - p || p + lim->unit - run->first > max ||
            model_count(in, p, lim->unit) < lim->unit) {
            return;
        }
        CHECK(!due(in, pending, p, lim->unit));
    }
}

/* Calls plan_next() and judges the answer; a partial unit leaves @pending and its model. */
static PlanStep judge_plan(const Ledger *in, Ledger *pending, const Model *in_model,
                           Model *pending_model, uint64_t from, const PlanLimits *lim,
                           PlanExtent *run)
{
    uint64_t unit = lim->unit, max = MAX(lim->max / unit, 1) * unit;
    PlanStep step = plan_next(in, pending, from, lim, run);

    if (step == PLAN_NOTHING) {
        judge_passed(pending_model, from, in_model->pages);
        return step;
    }
    CHECK(run->n && run->first % unit == 0 && run->first + unit > from);
    CHECK(run->first + run->n <= in_model->pages);
    judge_passed(pending_model, from, run->first);
    if (step == PLAN_PARTIAL) {
        CHECK(run->n == MIN(unit, in_model->pages - run->first));
        CHECK(!due(in_model, pending_model, run->first, unit));
        CHECK(ledger_clear(pending, run->first, run->n) ==
              model_change(pending_model, run->first, run->n, false));
        return step;
    }
    CHECK(run->n % unit == 0 && run->n <= max);
    CHECK(model_count(in_model, run->first, run->n) == run->n);
    CHECK(due(in_model, pending_model, run->first, unit));
    CHECK(due(in_model, pending_model, run->first + run->n - unit, unit));
    judge_end(in_model, pending_model, lim, run, max);
    return step;
}

#endif
