/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as a list of calls on two ledgers and the plan over them, as the device
 * makes them and as no device would, against one byte for each page.  What
 * plan_next() may answer is judged in judge_plan.h.
 */
#include "bytes.h"
#include "judge_plan.h"

/* Around a word and a chunk (2^15 pages), with and without a ragged end. */
static const uint64_t sizes[] = { 1000, 1, 63, 64, 65, 511, 1024, 600, 2048, 0, 32768, 33333 };
static const uint64_t units[] = { 1, 1, 2, 16, 512, 3 };

typedef struct World {
    Ledger *in, *pending;
    Model in_model, pending_model;
    uint64_t at; /* next piece of memory used; calls cluster around it */
} World;

/* Mostly near the last place, so that calls meet; at times anywhere. */
static uint64_t somewhere(World *w, Bytes *b)
{
    uint64_t how = bytes_take(b, 1);

    if (how < 0x80) {
        return w->at + how % 128;
    }
    w->at = bytes_number(b);
    return w->at;
}

static void change(World *w, Bytes *b, bool in)
{
    uint64_t first = somewhere(w, b), n = bytes_number(b);
    uint64_t got = in ? ledger_set(w->in, first, n) : ledger_clear(w->in, first, n);

    CHECK(got == model_change(&w->in_model, first, n, in));
    got = in ? ledger_set(w->pending, first, n) : ledger_clear(w->pending, first, n);
    CHECK(got == model_change(&w->pending_model, first, n, in));
}

static void look(World *w, Bytes *b)
{
    uint64_t from = somewhere(w, b), n = bytes_number(b);
    uint64_t end = n > UINT64_MAX - from ? UINT64_MAX : from + n;
    uint64_t first, length, want;
    bool beyond = from > w->in_model.pages || n > w->in_model.pages - from;

    CHECK(ledger_find(w->in, from, end, false) == model_find(&w->in_model, from, end, false));
    want = model_find(&w->in_model, from, end, true);
    CHECK(ledger_find(w->in, from, end, true) == want);
    CHECK(ledger_holds(w->in, from, n) == (!beyond && model_count(&w->in_model, from, n) == n));
    end = MIN(end, w->in_model.pages);
    CHECK(ledger_next_extent(w->in, from, end, &first, &length) == (want < end));
    CHECK(want >= end ||
          (first == want && first + length == model_find(&w->in_model, want, end, false)));
}

/* Pages in whole blocks, counted from here on as well. */
static void whole(const World *w, uint64_t unit)
{
    uint64_t want = 0;

    if (unit & (unit - 1)) {
        return;
    }
    for (uint64_t at = 0; at + unit <= w->in_model.pages; at += unit) {
        want += model_count(&w->in_model, at, unit) == unit ? unit : 0;
    }
    CHECK(unit != 512 || ledger_in_whole_blocks(w->in, 0) == want);
    ledger_set_block(w->in, 1, unit);
    CHECK(ledger_in_whole_blocks(w->in, 1) == want);
}

/* As the device does it: discard extent after extent, or stop at one, or pass it. */
static void plan(World *w, Bytes *b)
{
    PlanLimits lim = { .unit = units[bytes_take(b, 1) % (sizeof(units) / sizeof(units[0]))] };
    unsigned rounds = (unsigned)bytes_take(b, 1) % 32;
    uint64_t from = 0;
    PlanExtent run;

    whole(w, lim.unit);
    /* In the device both come from bytes, so are below 2^52. */
    lim.bridge = bytes_number(b) >> 12;
    lim.max = bytes_number(b) >> 12;
    while (judge_plan(w->in, w->pending, &w->in_model, &w->pending_model, from, &lim, &run) &&
           rounds--) {
        if (rounds % 8 != 7) {
            CHECK(ledger_clear(w->pending, run.first, run.n) ==
                  model_change(&w->pending_model, run.first, run.n, false));
        }
        from = rounds % 4 == 3 ? run.first + run.n : from;
    }
}

static void same(const Ledger *l, const Model *m)
{
    uint64_t at = 0, first, n;

    CHECK(ledger_pages(l) == m->pages);
    CHECK(ledger_count(l) == model_count(m, 0, m->pages));
    while (ledger_next_extent(l, at, UINT64_MAX, &first, &n)) {
        CHECK(n && model_count(m, at, first - at) == 0 && model_count(m, first, n) == n);
        at = first + n;
    }
    CHECK(model_count(m, at, m->pages) == 0);
}

static void forget(World *w)
{
    ledger_clear_all(w->in);
    ledger_clear_all(w->pending);
    memset(w->in_model.in, 0, w->in_model.pages);
    memset(w->pending_model.in, 0, w->pending_model.pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Bytes b = { data, size };
    uint64_t pages = sizes[bytes_take(&b, 1) % (sizeof(sizes) / sizeof(sizes[0]))];
    World w = { .in = ledger_new(pages), .pending = ledger_new(pages),
                .in_model = model_new(pages), .pending_model = model_new(pages) };

    ledger_set_block(w.in, 0, 512);
    for (unsigned calls = 0; b.left && calls < 64; calls++) {
        uint64_t call = bytes_take(&b, 1);

        if (call < 96) {
            change(&w, &b, true);
        } else if (call < 160) {
            change(&w, &b, false);
        } else if (call < 200) {
            look(&w, &b);
        } else if (call < 254) {
            plan(&w, &b);
        } else {
            forget(&w);
        }
    }
    same(w.in, &w.in_model);
    same(w.pending, &w.pending_model);
    ledger_free(w.in);
    ledger_free(w.pending);
    model_free(&w.in_model);
    model_free(&w.pending_model);
    return 0;
}
