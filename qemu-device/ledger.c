/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sparse page set of ledger.h.  A table of chunks of 128 MiB of guest
 * memory each; a chunk exists while it has a page in it, so that a balloon in
 * a 16 TiB guest costs what the balloon covers and not what the guest has.
 * Every chunk knows its count: full and absent ones are passed in one step.
 *
 * Pure: see ledger.h for who serialises access.
 */
#include <glib.h>

#include "ledger.h"

#define WORD_PAGES 64u
#define CHUNK_WORDS 512u
#define CHUNK_PAGES (WORD_PAGES * CHUNK_WORDS)

typedef struct Chunk {
    uint32_t count; /* pages of this chunk in the set, never 0 while it exists */
    uint64_t word[CHUNK_WORDS];
} Chunk;

struct Ledger {
    uint64_t pages;
    uint64_t count;
    Chunk **chunk; /* NULL: no page of it in the set */
};

static uint64_t chunks_for(uint64_t pages)
{
    return pages / CHUNK_PAGES + (pages % CHUNK_PAGES != 0);
}

Ledger *ledger_new(uint64_t pages)
{
    Ledger *l = g_new0(Ledger, 1);

    l->pages = pages;
    l->chunk = g_new0(Chunk *, chunks_for(pages));
    return l;
}

void ledger_clear_all(Ledger *l)
{
    for (uint64_t i = 0; l->count && i < chunks_for(l->pages); i++) {
        if (l->chunk[i]) {
            l->count -= l->chunk[i]->count;
            g_free(l->chunk[i]);
            l->chunk[i] = NULL;
        }
    }
}

void ledger_free(Ledger *l)
{
    if (l) {
        ledger_clear_all(l);
        g_free(l->chunk);
        g_free(l);
    }
}

uint64_t ledger_pages(const Ledger *l)
{
    return l->pages;
}

uint64_t ledger_count(const Ledger *l)
{
    return l->count;
}

/* Cuts [first, first + n) to the ledger without ever wrapping; gives the end. */
static uint64_t cut(const Ledger *l, uint64_t first, uint64_t n)
{
    if (first >= l->pages) {
        return first;
    }
    return n < l->pages - first ? first + n : l->pages;
}

/* Bits [lo, hi) of one word; 0 <= lo < hi <= 64. */
static uint64_t mask(unsigned lo, unsigned hi)
{
    return (~UINT64_C(0) >> (WORD_PAGES - (hi - lo))) << lo;
}

/* Sets or clears pages [lo, hi) of one chunk.  Return: how many changed. */
static uint32_t chunk_change(Chunk *c, unsigned lo, unsigned hi, bool in)
{
    uint32_t changed = 0;

    while (lo < hi) {
        unsigned w = lo / WORD_PAGES;
        unsigned stop = MIN(hi, (w + 1) * WORD_PAGES);
        uint64_t want = mask(lo % WORD_PAGES, stop - w * WORD_PAGES);
        uint64_t flip = in ? want & ~c->word[w] : want & c->word[w];

        c->word[w] ^= flip;
        changed += (uint32_t)__builtin_popcountll(flip);
        lo = stop;
    }
    return changed;
}

uint64_t ledger_set(Ledger *l, uint64_t first, uint64_t n)
{
    uint64_t end = cut(l, first, n);
    uint64_t before = l->count;

    while (first < end) {
        uint64_t i = first / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);
        uint32_t changed;

        if (!l->chunk[i]) {
            l->chunk[i] = g_new0(Chunk, 1);
        }
        changed = chunk_change(l->chunk[i], first - base, stop - base, true);
        l->chunk[i]->count += changed;
        l->count += changed;
        first = stop;
    }
    return l->count - before;
}

uint64_t ledger_clear(Ledger *l, uint64_t first, uint64_t n)
{
    uint64_t end = cut(l, first, n);
    uint64_t before = l->count;

    while (first < end) {
        uint64_t i = first / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);

        if (l->chunk[i]) {
            uint32_t changed = chunk_change(l->chunk[i], first - base, stop - base, false);

            l->chunk[i]->count -= changed;
            l->count -= changed;
            if (!l->chunk[i]->count) {
                g_free(l->chunk[i]);
                l->chunk[i] = NULL;
            }
        }
        first = stop;
    }
    return before - l->count;
}

/* As ledger_find() within one chunk. */
static unsigned chunk_find(const Chunk *c, unsigned lo, unsigned hi, bool in)
{
    while (lo < hi) {
        unsigned w = lo / WORD_PAGES;
        uint64_t bits = (in ? c->word[w] : ~c->word[w]) & mask(lo % WORD_PAGES, WORD_PAGES);

        if (bits) {
            return MIN(hi, w * WORD_PAGES + (unsigned)__builtin_ctzll(bits));
        }
        lo = (w + 1) * WORD_PAGES;
    }
    return hi;
}

uint64_t ledger_find(const Ledger *l, uint64_t from, uint64_t end, bool in)
{
    end = MIN(end, l->pages);
    while (from < end) {
        uint64_t i = from / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);
        const Chunk *c = l->chunk[i];

        if (c && c->count < CHUNK_PAGES) {
            uint64_t hit = base + chunk_find(c, from - base, stop - base, in);

            if (hit < stop) {
                return hit;
            }
        } else if ((c != NULL) == in) {
            return from;
        }
        from = stop;
    }
    return end;
}

bool ledger_next_run(const Ledger *l, uint64_t from, uint64_t end, uint64_t *first, uint64_t *n)
{
    end = MIN(end, l->pages);
    *first = ledger_find(l, from, end, true);
    if (*first >= end) {
        return false;
    }
    *n = ledger_find(l, *first, end, false) - *first;
    return true;
}

/* How many pages [lo, hi) of one chunk are in the set. */
static uint32_t chunk_count(const Chunk *c, unsigned lo, unsigned hi)
{
    uint32_t count = 0;

    while (lo < hi) {
        unsigned w = lo / WORD_PAGES;
        unsigned stop = MIN(hi, (w + 1) * WORD_PAGES);
        uint64_t bits = c->word[w] & mask(lo % WORD_PAGES, stop - w * WORD_PAGES);

        count += (uint32_t)__builtin_popcountll(bits);
        lo = stop;
    }
    return count;
}

uint64_t ledger_count_in(const Ledger *l, uint64_t first, uint64_t n)
{
    uint64_t end = cut(l, first, n), count = 0;

    while (first < end) {
        uint64_t i = first / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);
        const Chunk *c = l->chunk[i];

        if (c && stop - first == CHUNK_PAGES) {
            count += c->count;
        } else if (c) {
            count += chunk_count(c, first - base, stop - base);
        }
        first = stop;
    }
    return count;
}

bool ledger_next_blocks(const Ledger *l, uint64_t unit, uint64_t from, uint64_t *first,
                        uint64_t *n)
{
    uint64_t end = l->pages / unit * unit;

    while (from < end) {
        uint64_t start = (ledger_find(l, from, end, true) + unit - 1) / unit * unit;
        uint64_t hole = ledger_find(l, start, end, false);
        uint64_t stop = hole / unit * unit;

        if (stop > start) {
            *first = start;
            *n = stop - start;
            return true;
        }
        /* The block with the hole is not whole, unless the hole begins it: it may be next. */
        from = (hole + unit - 1) / unit * unit;
    }
    return false;
}

bool ledger_holds(const Ledger *l, uint64_t first, uint64_t n)
{
    if (first > l->pages || n > l->pages - first) {
        return false;
    }
    return ledger_find(l, first, first + n, false) == first + n;
}
