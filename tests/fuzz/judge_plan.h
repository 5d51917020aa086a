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

/* Nothing that is due was passed over from host page @from on, before page @to. */
static void judge_passed(const Model *in, const Model *pending, uint64_t from, uint64_t to,
                         uint64_t unit)
{
    for (uint64_t p = from / unit * unit; p < to; p += unit) {
        CHECK(!due(in, pending, p, unit) ||
              (p < from && !model_count(pending, from, p + unit - from)));
    }
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

/* Calls plan_next() and judges the answer.  Return: whether there is an extent. */
static bool judge_plan(const Ledger *in, const Ledger *pending, const Model *in_model,
                       const Model *pending_model, uint64_t from, const PlanLimits *lim,
                       PlanExtent *run)
{
    uint64_t unit = lim->unit, max = MAX(lim->max / unit, 1) * unit;

    if (!plan_next(in, pending, from, lim, run)) {
        judge_passed(in_model, pending_model, from, in_model->pages, unit);
        return false;
    }
    CHECK(run->n && run->first % unit == 0 && run->first + unit > from);
    CHECK(run->first + run->n <= in_model->pages);
    judge_passed(in_model, pending_model, from, run->first, unit);
    CHECK(run->n % unit == 0 && run->n <= max);
    CHECK(model_count(in_model, run->first, run->n) == run->n);
    CHECK(due(in_model, pending_model, run->first, unit));
    CHECK(due(in_model, pending_model, run->first + run->n - unit, unit));
    judge_end(in_model, pending_model, lim, run, max);
    return true;
}

#endif
