/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan against the model: nothing outside the balloon is ever discarded,
 * every whole host page that has something pending is, and no two extents could
 * have been one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "plan.h"

#define UNLIMITED (UINT64_C(1) << 40)

typedef struct World {
    Ledger *inflated, *pending;
    Model discarded; /* what the runs covered */
    unsigned runs;
} World;

static World world(uint64_t pages)
{
    return (World){
        .inflated = ledger_new(pages),
        .pending = ledger_new(pages),
        .discarded = model_new(pages),
    };
}

static void end(World *w)
{
    ledger_free(w->inflated);
    ledger_free(w->pending);
    model_free(&w->discarded);
}

static void inflate(World *w, uint64_t first, uint64_t n)
{
    ledger_set(w->inflated, first, n);
    ledger_set(w->pending, first, n);
}

static void deflate(World *w, uint64_t first, uint64_t n)
{
    ledger_clear(w->inflated, first, n);
    ledger_clear(w->pending, first, n);
}

static bool has_some(const Ledger *l, uint64_t first, uint64_t n)
{
    return ledger_find(l, first, first + n, true) < first + n;
}

/* What the device does with a plan; checks what each extent promises. */
static void run_all(World *w, const PlanLimits *lim)
{
    PlanExtent e;
    uint64_t at = 0, left = 0;
    uint64_t max = lim->max / lim->unit ? lim->max / lim->unit * lim->unit : lim->unit;

    w->runs = 0;
    while (plan_next(w->inflated, w->pending, at, lim, &e)) {
        assert_int_equal(e.first % lim->unit, 0);
        assert_true(e.n > 0 && e.first >= at && e.n <= max);
        assert_int_equal(e.n % lim->unit, 0);
        assert_true(ledger_holds(w->inflated, e.first, e.n));
        assert_true(has_some(w->pending, e.first, lim->unit));
        assert_true(has_some(w->pending, e.first + e.n - lim->unit, lim->unit));
        model_change(&w->discarded, e.first, e.n, true);
        w->runs++;
        ledger_clear(w->pending, e.first, e.n);
        at = e.first + e.n;
    }
    /* What it passes over is in units that are not whole. */
    for (uint64_t first, n; ledger_next_extent(w->pending, left, UINT64_MAX, &first, &n);
         left = first + 1) {
        assert_false(ledger_holds(w->inflated, first / lim->unit * lim->unit, lim->unit));
    }
    ledger_clear_all(w->pending);
}

static void nothing_to_do(void **state)
{
    PlanLimits lim = { .unit = 1, .max = UNLIMITED };
    World w = world(1000);

    (void)state;
    ledger_set(w.inflated, 0, 1000);
    run_all(&w, &lim);
    assert_int_equal(w.runs, 0);
    end(&w);
}

static void scattered_pages_join(void **state)
{
    PlanLimits lim = { .unit = 1, .max = UNLIMITED };
    World w = world(4096);

    (void)state;
    for (uint64_t p = 0; p < 256; p += 2) { /* evens first, then odds: one run of 256 */
        inflate(&w, 1000 + p, 1);
    }
    for (uint64_t p = 1; p < 256; p += 2) {
        inflate(&w, 1000 + p, 1);
    }
    run_all(&w, &lim);
    assert_int_equal(w.runs, 1);
    assert_int_equal(model_count(&w.discarded, 0, 4096), 256);
    end(&w);
}

static void bridge_over_what_is_out_already(void **state)
{
    PlanLimits lim = { .unit = 1, .bridge = 10, .max = UNLIMITED };
    World w = world(4096);

    (void)state;
    ledger_set(w.inflated, 100, 100);
    inflate(&w, 100, 5);
    inflate(&w, 115, 5); /* gap of 10: joined */
    inflate(&w, 131, 5); /* gap of 11: not */
    run_all(&w, &lim);
    assert_int_equal(w.runs, 2);
    assert_int_equal(model_count(&w.discarded, 100, 20), 20);
    assert_int_equal(model_count(&w.discarded, 0, 4096), 25);

    /* a page of the guest's own in the gap is never bridged */
    deflate(&w, 110, 1);
    inflate(&w, 109, 1);
    inflate(&w, 111, 1);
    run_all(&w, &lim);
    assert_int_equal(w.runs, 2);
    end(&w);
}

static void longest_run(void **state)
{
    PlanLimits lim = { .unit = 1, .max = 300 };
    World w = world(4096);

    (void)state;
    inflate(&w, 0, 1000);
    run_all(&w, &lim);
    assert_int_equal(w.runs, 4);
    assert_int_equal(model_count(&w.discarded, 0, 4096), 1000);
    end(&w);
}

static void huge_page_when_its_last_piece_arrives(void **state)
{
    PlanLimits lim = { .unit = 512, .max = 100 }; /* max below one unit: one unit */
    World w = world(512 * 8);
    uint64_t order[512];

    (void)state;
    model_seed();
    for (unsigned i = 0; i < 512; i++) {
        order[i] = i;
    }
    for (unsigned i = 511; i; i--) {
        uint64_t j = model_rand(i + 1), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(model_count(&w.discarded, 0, 512 * 8), 0);
        inflate(&w, 512 * 3 + order[i], 1);
        if (i % 7 == 0 || i == 511) {
            run_all(&w, &lim);
        }
    }
    assert_int_equal(w.runs, 1);
    assert_int_equal(model_count(&w.discarded, 512 * 3, 512), 512);
    assert_int_equal(model_count(&w.discarded, 0, 512 * 8), 512);

    /* one piece out and in again: the guest may have touched it, so all of it again */
    model_change(&w.discarded, 0, 512 * 8, false);
    deflate(&w, 512 * 3 + 9, 1);
    run_all(&w, &lim);
    assert_int_equal(w.runs, 0);
    inflate(&w, 512 * 3 + 9, 1);
    run_all(&w, &lim);
    assert_int_equal(w.runs, 1);
    assert_int_equal(model_count(&w.discarded, 0, 512 * 8), 512);
    end(&w);
}

static void huge_pages_join(void **state)
{
    PlanLimits lim = { .unit = 512, .bridge = 512, .max = 512 * 100 };
    World w = world(512 * 8);

    (void)state;
    ledger_set(w.inflated, 512, 512 * 6);
    inflate(&w, 512 + 511, 1);
    inflate(&w, 512 * 3 + 511, 1); /* gap of one host page, though 1023 pages apart */
    inflate(&w, 512 * 6, 1);       /* gap of two */
    inflate(&w, 512 * 7, 511);     /* never whole */
    run_all(&w, &lim);
    assert_int_equal(w.runs, 2);
    assert_int_equal(model_count(&w.discarded, 0, 512 * 8), 512 * 4);
    end(&w);
}

/* Minimal number of runs, by brute force over the model's bytes. */
static unsigned fewest(const Model *in, const Model *pending, const PlanLimits *lim)
{
    unsigned runs = 0;
    uint64_t gap = UINT64_MAX; /* pages since the last pending host page, all in the balloon */

    for (uint64_t h = 0; h + lim->unit <= in->pages; h += lim->unit) {
        if (model_count(in, h, lim->unit) < lim->unit) {
            gap = UINT64_MAX;
        } else if (model_count(pending, h, lim->unit)) {
            runs += gap > lim->bridge;
            gap = 0;
        } else if (gap != UINT64_MAX) {
            gap += lim->unit;
        }
    }
    return runs;
}

static void random_worlds(void **state)
{
    (void)state;
    model_seed();
    for (int i = 0; i < 3000; i++) {
        static const uint64_t units[] = { 1, 1, 2, 16, 512 };
        PlanLimits lim = { .unit = units[model_rand(5)], .max = UNLIMITED };
        uint64_t pages = lim.unit * (1 + model_rand(3000 / lim.unit + 10));
        World w = world(pages);
        Model in = model_new(pages), pending = model_new(pages);

        lim.bridge = model_rand(3) ? model_rand(pages) : 0;
        for (uint64_t k = model_rand(60); k; k--) {
            uint64_t first = model_rand(pages);
            uint64_t n = model_rand(2) ? model_rand(8) : model_rand(3 * lim.unit + 20);

            if (model_rand(3)) {
                inflate(&w, first, n);
                model_change(&in, first, n, true);
                model_change(&pending, first, n, true);
            } else {
                deflate(&w, first, n);
                model_change(&in, first, n, false);
                model_change(&pending, first, n, false);
            }
            if (!model_rand(20)) {
                ledger_set(w.inflated, 0, pages);
                model_change(&in, 0, pages, true);
            }
        }
        run_all(&w, &lim);
        assert_int_equal(w.runs, fewest(&in, &pending, &lim));
        for (uint64_t h = 0; h < pages; h += lim.unit) {
            bool whole = model_count(&in, h, lim.unit) == lim.unit;

            if (!whole) {
                assert_int_equal(model_count(&w.discarded, h, lim.unit), 0);
            } else if (model_count(&pending, h, lim.unit)) {
                assert_int_equal(model_count(&w.discarded, h, lim.unit), lim.unit);
            }
        }
        end(&w);
        model_free(&in);
        model_free(&pending);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(scattered_pages_join),
        cmocka_unit_test(bridge_over_what_is_out_already),
        cmocka_unit_test(longest_run),
        cmocka_unit_test(huge_page_when_its_last_piece_arrives),
        cmocka_unit_test(huge_pages_join),
        cmocka_unit_test(random_worlds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
