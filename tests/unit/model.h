/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model that the bitmaps are measured against: one byte for each page and
 * loops that cannot be misread.  Slow on purpose.  Also the seeded random
 * numbers of the tests, so that a failure can be run again (SEED=n).
 */
#ifndef BALLONET_TEST_MODEL_H
#define BALLONET_TEST_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Model {
    uint64_t pages;
    uint8_t *in;
} Model;

static inline Model model_new(uint64_t pages)
{
    Model m = { .pages = pages, .in = calloc(pages ? pages : 1, 1) };

    if (!m.in) {
        abort();
    }
    return m;
}

static inline void model_free(Model *m)
{
    free(m->in);
    m->in = NULL;
}

/* Puts [first, first + n) in or out; how many changed. */
static inline uint64_t model_change(Model *m, uint64_t first, uint64_t n, bool in)
{
    uint64_t changed = 0;

    for (uint64_t i = 0; i < n && first + i < m->pages; i++) {
        changed += m->in[first + i] != in;
        m->in[first + i] = in;
    }
    return changed;
}

static inline uint64_t model_count(const Model *m, uint64_t first, uint64_t n)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < n && first + i < m->pages; i++) {
        count += m->in[first + i];
    }
    return count;
}

static inline uint64_t model_find(const Model *m, uint64_t from, uint64_t end, bool in)
{
    end = end < m->pages ? end : m->pages;
    while (from < end && m->in[from] != in) {
        from++;
    }
    return from < end ? from : end;
}

static uint64_t model_rng;

static inline void model_seed(void)
{
    const char *s = getenv("SEED");

    model_rng = s ? strtoull(s, NULL, 0) : 0x9e3779b97f4a7c15u;
    printf("   SEED=%#llx\n", (unsigned long long)model_rng);
}

/* xorshift: [0, below) */
static inline uint64_t model_rand(uint64_t below)
{
    model_rng ^= model_rng << 13;
    model_rng ^= model_rng >> 7;
    model_rng ^= model_rng << 17;
    return below ? model_rng % below : 0;
}

#endif
