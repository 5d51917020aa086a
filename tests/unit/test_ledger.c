/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger against the byte-per-page model: word and chunk edges by table,
 * then long random runs, then a set too large for any dense bitmap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger.h"
#include "model.h"

#define CHUNK 32768u /* pages of one 128 MiB chunk: the edges worth testing lie there */

static void same(const Ledger *l, const Model *m)
{
    assert_int_equal(ledger_count(l), model_count(m, 0, m->pages));
    for (uint64_t at = 0; at < m->pages;) {
        bool in = m->in[at];
        uint64_t want = model_find(m, at, m->pages, !in);

        assert_int_equal(ledger_find(l, at, m->pages, !in), want);
        assert_int_equal(ledger_find(l, at, m->pages, in), at);
        at = want;
    }
}

static void empty_ledger(void **state)
{
    Ledger *l = ledger_new(100);
    uint64_t first, n;

    (void)state;
    assert_int_equal(ledger_pages(l), 100);
    assert_int_equal(ledger_count(l), 0);
    assert_int_equal(ledger_find(l, 0, 100, true), 100);
    assert_int_equal(ledger_find(l, 7, 100, false), 7);
    assert_int_equal(ledger_find(l, 7, 7, false), 7);
    assert_false(ledger_next_extent(l, 0, UINT64_MAX, &first, &n));
    assert_int_equal(ledger_clear(l, 0, 100), 0);
    assert_false(ledger_holds(l, 0, 1));
    assert_true(ledger_holds(l, 5, 0));
    ledger_free(l);
    ledger_free(NULL);

    l = ledger_new(0);
    assert_int_equal(ledger_set(l, 0, 10), 0);
    assert_int_equal(ledger_find(l, 0, 10, false), 0);
    ledger_free(l);
}

static void edges(void **state)
{
    static const struct {
        uint64_t first, n;
    } at[] = {
        { 0, 1 },          { 0, 63 },        { 0, 64 },          { 0, 65 },
        { 63, 1 },         { 63, 2 },        { 64, 64 },         { 1, 62 },
        { CHUNK - 1, 1 },  { CHUNK - 1, 2 }, { CHUNK, 1 },       { 0, CHUNK },
        { 0, CHUNK + 1 },  { 1, CHUNK },     { CHUNK - 64, 128 }, { CHUNK, CHUNK },
        { 0, 3 * CHUNK },  { 17, 0 },        { 3 * CHUNK - 1, 1 },
    };
    uint64_t pages = 3 * CHUNK - 5;

    (void)state;
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        for (size_t j = 0; j < sizeof(at) / sizeof(at[0]); j++) {
            Ledger *l = ledger_new(pages);
            Model m = model_new(pages);

            assert_int_equal(ledger_set(l, at[i].first, at[i].n),
                             model_change(&m, at[i].first, at[i].n, true));
            assert_int_equal(ledger_set(l, at[j].first, at[j].n),
                             model_change(&m, at[j].first, at[j].n, true));
            assert_int_equal(ledger_clear(l, at[i].first, at[i].n),
                             model_change(&m, at[i].first, at[i].n, false));
            same(l, &m);
            ledger_free(l);
            model_free(&m);
        }
    }
}

static void beyond_the_end(void **state)
{
    Ledger *l = ledger_new(CHUNK + 3);

    (void)state;
    assert_int_equal(ledger_set(l, CHUNK, UINT64_MAX), 3);
    assert_int_equal(ledger_set(l, CHUNK + 3, 5), 0);
    assert_int_equal(ledger_set(l, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(ledger_clear(l, UINT64_MAX - 1, 5), 0);
    assert_true(ledger_holds(l, CHUNK, 3));
    assert_false(ledger_holds(l, CHUNK, 4));
    assert_false(ledger_holds(l, CHUNK, UINT64_MAX));
    assert_false(ledger_holds(l, UINT64_MAX, 1));
    assert_int_equal(ledger_find(l, CHUNK, UINT64_MAX, false), CHUNK + 3);
    assert_int_equal(ledger_find(l, CHUNK + 50, UINT64_MAX, true), CHUNK + 3);
    assert_int_equal(ledger_clear(l, 0, UINT64_MAX), 3);
    assert_int_equal(ledger_count(l), 0);
    ledger_free(l);
}

static void random_runs(void **state)
{
    uint64_t pages = 2 * CHUNK + 777;
    Ledger *l = ledger_new(pages);
    Model m = model_new(pages);

    (void)state;
    model_seed();
    for (int i = 0; i < 20000; i++) {
        uint64_t first = model_rand(pages);
        uint64_t n = model_rand(4) ? model_rand(200) : model_rand(pages);
        bool in = model_rand(2);
        uint64_t got = in ? ledger_set(l, first, n) : ledger_clear(l, first, n);
        uint64_t from = model_rand(pages), end = model_rand(pages + 100);

        assert_int_equal(got, model_change(&m, first, n, in));
        if (from <= end) {
            assert_int_equal(ledger_find(l, from, end, in), model_find(&m, from, end, in));
        }
        n = model_rand(300);
        assert_int_equal(ledger_holds(l, first, n),
                         first + n <= pages && model_count(&m, first, n) == n);
        if (i % 2000 == 0) {
            same(l, &m);
            ledger_clear_all(l);
            model_change(&m, 0, pages, false);
        }
    }
    same(l, &m);
    ledger_free(l);
    model_free(&m);
}

static void runs_cover_the_set_once(void **state)
{
    Ledger *l = ledger_new(5 * CHUNK);
    uint64_t at = 0, first, n, seen = 0, last = 0;

    (void)state;
    model_seed();
    for (int i = 0; i < 3000; i++) {
        ledger_set(l, model_rand(5 * CHUNK), model_rand(40));
    }
    while (ledger_next_extent(l, at, 5 * CHUNK, &first, &n)) {
        assert_true(n > 0 && (first > last || !seen));
        assert_true(ledger_holds(l, first, n));
        seen += n;
        last = at = first + n;
    }
    assert_int_equal(seen, ledger_count(l));
    ledger_free(l);
}

/* The next extent from an aligned block on that is wholly in the set, by looking at each page. */
static bool next_whole_by_model(const Model *m, uint64_t from, uint64_t end, uint64_t unit,
                                uint64_t *first, uint64_t *n)
{
    end = end < m->pages ? end : m->pages;
    for (uint64_t at = (from + unit - 1) / unit * unit; at + unit <= end; at += unit) {
        if (model_count(m, at, unit) == unit) {
            *first = at;
            *n = model_find(m, at, end, false) - at;
            return true;
        }
    }
    return false;
}

static void next_whole_ones(void **state)
{
    static const uint64_t units[] = { 1, 8, 512, CHUNK };
    uint64_t pages = 3 * CHUNK + 700;
    Ledger *l = ledger_new(pages);
    Model m = model_new(pages);

    (void)state;
    model_seed();
    for (int i = 0; i < 3000; i++) {
        uint64_t first = model_rand(pages), n = model_rand(i % 3 ? 1100 : CHUNK);
        uint64_t unit = units[model_rand(4)], from = model_rand(pages), end = model_rand(2 * pages);
        uint64_t got[2], want[2];
        bool in = model_rand(4);

        assert_int_equal(in ? ledger_set(l, first, n) : ledger_clear(l, first, n),
                         model_change(&m, first, n, in));
        if (next_whole_by_model(&m, from, end, unit, &want[0], &want[1])) {
            assert_true(ledger_next_whole(l, from, end, unit, &got[0], &got[1]));
            assert_memory_equal(got, want, sizeof(got));
        } else {
            assert_false(ledger_next_whole(l, from, end, unit, &got[0], &got[1]));
        }
        if (i % 200 == 0) {
            ledger_clear_all(l);
            model_change(&m, 0, pages, false);
        }
    }
    ledger_free(l);
    model_free(&m);
}

static uint64_t whole_by_model(const Model *m, uint64_t unit)
{
    uint64_t whole = 0;

    for (uint64_t b = 0; b + unit <= m->pages; b += unit) {
        whole += model_count(m, b, unit) == unit ? unit : 0;
    }
    return whole;
}

static void whole_blocks(void **state)
{
    static const uint64_t units[] = { 1, 2, 16, 64, 512, 1024, CHUNK, 2 * CHUNK, 8 * CHUNK };
    uint64_t pages = 5 * CHUNK + 700;
    size_t n_units = sizeof(units) / sizeof(units[0]);

    (void)state;
    model_seed();
    for (size_t u = 0; u < n_units; u++) {
        uint64_t unit[] = { units[u], units[(u + 3) % n_units] };
        Ledger *l = ledger_new(pages);
        Model m = model_new(pages);

        ledger_set_block(l, 0, unit[0]);
        for (int i = 0; i < 120; i++) {
            uint64_t first = model_rand(pages);
            uint64_t n = model_rand(8) ? model_rand(3000) : model_rand(pages);
            bool in = model_rand(4);

            if (in) {
                ledger_set(l, first, n);
            } else {
                ledger_clear(l, first, n = n % 40);
            }
            model_change(&m, first, n, in);
            if (i == 60) {
                ledger_set_block(l, 1, unit[1]); /* also while pages are in it */
            }
            assert_int_equal(ledger_in_whole_blocks(l, 0), whole_by_model(&m, unit[0]));
            if (i >= 60) {
                assert_int_equal(ledger_in_whole_blocks(l, 1), whole_by_model(&m, unit[1]));
            }
        }
        ledger_clear_all(l);
        assert_int_equal(ledger_in_whole_blocks(l, 0), 0);
        assert_int_equal(ledger_in_whole_blocks(l, 1), 0);
        ledger_free(l);
        model_free(&m);
    }
}

static void edges_of_blocks(void **state)
{
    uint64_t pages = 2 * CHUNK + 100;
    Ledger *l = ledger_new(pages);

    (void)state;
    ledger_set_block(l, 0, 512);
    ledger_set_block(l, 1, 4 * CHUNK);
    ledger_set(l, 0, pages);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 2 * CHUNK); /* the last 100 are no block */
    assert_int_equal(ledger_in_whole_blocks(l, 1), 0);
    ledger_clear(l, CHUNK, 1);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 2 * CHUNK - 512);
    ledger_set(l, CHUNK, 1);
    ledger_clear(l, CHUNK - 1, 2);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 2 * CHUNK - 1024);
    ledger_set(l, CHUNK - 1, 1);
    ledger_set(l, CHUNK - 1, 1);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 2 * CHUNK - 512);
    ledger_free(l);
}

/* 64 TiB of guest: the table alone may exist, not the bits. */
static void huge_and_sparse(void **state)
{
    uint64_t pages = UINT64_C(64) << (40 - 12);
    Ledger *l = ledger_new(pages);
    uint64_t first, n;

    (void)state;
    assert_int_equal(ledger_set(l, pages - 2, 10), 2);
    assert_int_equal(ledger_set(l, pages / 2, 1), 1);
    assert_true(ledger_next_extent(l, 0, pages, &first, &n));
    assert_int_equal(first, pages / 2);
    assert_true(ledger_next_extent(l, first + n, pages, &first, &n));
    assert_int_equal(first, pages - 2);
    assert_int_equal(n, 2);
    assert_false(ledger_next_extent(l, first + n, pages, &first, &n));
    ledger_set_block(l, 0, 512);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 0);
    ledger_set(l, pages / 4, 513);
    assert_int_equal(ledger_in_whole_blocks(l, 0), 512);
    assert_int_equal(ledger_count(l), 516);
    ledger_free(l);
}

/* What an emptied ledger keeps of its chunks must not show in any of its answers. */
static void emptied_and_filled_again(void **state)
{
    uint64_t pages = 4 * CHUNK, first, n;
    Ledger *l = ledger_new(pages);
    Model m = model_new(pages);

    (void)state;
    for (int round = 0; round < 3; round++) {
        ledger_set(l, 0, CHUNK);            /* full */
        ledger_set(l, CHUNK + 7, 100);      /* in part */
        ledger_set(l, 2 * CHUNK - 1, 2);    /* across an edge */
        ledger_clear_all(l);
        same(l, &m);
        assert_int_equal(ledger_clear(l, 0, pages), 0);
        assert_int_equal(ledger_count(l), 0);
        assert_false(ledger_next_extent(l, 0, pages, &first, &n));
        assert_int_equal(ledger_in_whole_blocks(l, 0), 0);
    }
    assert_int_equal(ledger_set(l, CHUNK, 8), model_change(&m, CHUNK, 8, true));
    assert_int_equal(ledger_set(l, 5, 1), model_change(&m, 5, 1, true));
    same(l, &m);
    ledger_free(l);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_ledger),
        cmocka_unit_test(edges),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(random_runs),
        cmocka_unit_test(runs_cover_the_set_once),
        cmocka_unit_test(next_whole_ones),
        cmocka_unit_test(whole_blocks),
        cmocka_unit_test(edges_of_blocks),
        cmocka_unit_test(huge_and_sparse),
        cmocka_unit_test(emptied_and_filled_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
