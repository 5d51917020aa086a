/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of PFN arrays: shapes by table, byte order, joining, and random
 * arrays whose ranges must name the same pages as often.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "request.h"

static void shapes(void **state)
{
    static const struct {
        uint64_t readable, writable, pfns;
        unsigned wrong;
    } t[] = {
        { 4, 0, 1, 0 },
        { 1024, 0, 256, 0 },
        { 0, 0, 0, REQUEST_EMPTY },
        { 3, 0, 0, REQUEST_EMPTY | REQUEST_RAGGED },
        { 7, 0, 1, REQUEST_RAGGED },
        { 0, 4, 0, REQUEST_EMPTY | REQUEST_WRITABLE },
        { 8, 1, 2, REQUEST_WRITABLE },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX / 4, REQUEST_RAGGED | REQUEST_WRITABLE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        uint64_t pfns = 99;

        assert_int_equal(request_pfns_shape(t[i].readable, t[i].writable, &pfns), t[i].wrong);
        assert_int_equal(pfns, t[i].pfns);
    }
}

static void byte_order(void **state)
{
    const uint8_t raw[] = { 0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xff };
    BalloonExtent r[2];

    (void)state;
    assert_int_equal(request_pfns_decode(raw, 2, false, r), 2);
    assert_int_equal(r[0].pfn, 0x04030201);
    assert_int_equal(r[1].pfn, 0xffffffff);
    assert_int_equal(request_pfns_decode(raw, 2, true, r), 2);
    assert_int_equal(r[0].pfn, 0x01020304);
    assert_int_equal(r[1].n, 1);
    assert_int_equal(request_pfns_decode(raw, 0, false, r), 0);
}

static void put(uint8_t *raw, const uint32_t *pfn, size_t n, bool big_endian)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned b = 0; b < 4; b++) {
            raw[i * 4 + b] = (uint8_t)(pfn[i] >> (big_endian ? 24 - 8 * b : 8 * b));
        }
    }
}

static void joining(void **state)
{
    static const struct {
        uint32_t pfn[6];
        size_t n, ranges;
        uint64_t first, len;
    } t[] = {
        { { 10, 11, 12, 13 }, 4, 1, 10, 4 },
        { { 13, 12, 11, 10 }, 4, 1, 10, 4 },
        { { 11, 10, 12, 9 }, 4, 1, 9, 4 },
        { { 10, 10 }, 2, 2, 10, 1 },             /* twice: seen twice */
        { { 10, 12, 11 }, 3, 2, 10, 1 },         /* no sorting here */
        { { 0, 0xffffffff }, 2, 2, 0, 1 },       /* no wrap downward */
        { { 0xffffffff, 0 }, 2, 2, 0xffffffff, 1 }, /* nor upward */
        { { 1, 0 }, 2, 1, 0, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        uint8_t raw[sizeof(t[i].pfn)];
        BalloonExtent r[6];

        put(raw, t[i].pfn, t[i].n, false);
        assert_int_equal(request_pfns_decode(raw, t[i].n, false, r), t[i].ranges);
        assert_int_equal(r[0].pfn, t[i].first);
        assert_int_equal(r[0].n, t[i].len);
    }
}

static void random_arrays(void **state)
{
    enum { N = 300, SPACE = 400 };

    (void)state;
    model_seed();
    for (int i = 0; i < 2000; i++) {
        uint32_t pfn[N];
        uint8_t raw[N * 4];
        BalloonExtent r[N];
        unsigned named[SPACE] = { 0 }, covered[SPACE] = { 0 };
        size_t n = 1 + model_rand(N), ranges;
        bool big_endian = model_rand(2);

        for (size_t k = 0; k < n; k++) {
            uint64_t step = model_rand(4);

            pfn[k] = k && step < 2 && pfn[k - 1] > 0 && pfn[k - 1] + 1 < SPACE
                         ? (step ? pfn[k - 1] + 1 : pfn[k - 1] - 1)
                         : (uint32_t)model_rand(SPACE);
            named[pfn[k]]++;
        }
        put(raw, pfn, n, big_endian);
        ranges = request_pfns_decode(raw, n, big_endian, r);
        assert_true(ranges <= n);
        for (size_t k = 0; k < ranges; k++) {
            for (uint64_t p = 0; p < r[k].n; p++) {
                covered[r[k].pfn + p]++;
            }
        }
        assert_memory_equal(named, covered, sizeof(named));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(byte_order),
        cmocka_unit_test(joining),
        cmocka_unit_test(random_arrays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
