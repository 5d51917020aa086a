/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sparse page set of ledger.h.  A table of chunks of 128 MiB of guest
 * memory each; a bitmap exists for a chunk only while some of its pages are in
 * the set and some are not, so that a balloon in a 16 TiB guest costs what its
 * ragged parts cover and not what the guest has.  Every chunk knows its count:
 * full and empty ones are passed in one step.
 *
 * Emptying the whole set takes constant time, whatever is in it: the chunks
 * stay and are known by their generation to be out of date.
 *
 * Pure: see ledger.h for who serialises access.
 */
#include <glib.h>
#include <string.h>

#include "ledger.h"

#define WORD_PAGES 64u
#define CHUNK_WORDS 512u
#define CHUNK_PAGES (WORD_PAGES * CHUNK_WORDS)

typedef struct Bitmap {
    uint64_t word[CHUNK_WORDS];
} Bitmap;

typedef struct Chunk {
    uint32_t generation; /* the chunk is empty where it is not the ledger's */
    uint32_t count;      /* pages of this chunk in the set */
    Bitmap *bitmap;      /* valid where 0 < count < CHUNK_PAGES; else NULL or left over */
} Chunk;

struct Ledger {
    uint64_t pages;
    uint64_t count;
    uint64_t unit[LEDGER_BLOCK_SIZES];  /* pages of a block */
    uint64_t whole[LEDGER_BLOCK_SIZES]; /* pages in whole ones; not kept for blocks of a page */
    uint32_t generation;
    Chunk *chunk;
};

/* @unit: a power of two */
static uint64_t round_up(uint64_t page, uint64_t unit)
{
    return (page + unit - 1) & ~(unit - 1);
}

static uint64_t chunks_for(uint64_t pages)
{
    return pages / CHUNK_PAGES + (pages % CHUNK_PAGES != 0);
}

Ledger *ledger_new(uint64_t pages)
{
    Ledger *l = g_new0(Ledger, 1);

    l->pages = pages;
    for (unsigned i = 0; i < LEDGER_BLOCK_SIZES; i++) {
        l->unit[i] = 1;
    }
    l->chunk = g_new0(Chunk, chunks_for(pages));
    return l;
}

void ledger_clear_all(Ledger *l)
{
    l->count = 0;
    memset(l->whole, 0, sizeof(l->whole));
    l->generation++;
    if (!l->generation) {
        /* Chunks of 4 billion generations ago would count again. */
        for (uint64_t i = 0; i < chunks_for(l->pages); i++) {
            l->chunk[i].count = 0;
        }
    }
}

void ledger_free(Ledger *l)
{
    if (l) {
        for (uint64_t i = 0; i < chunks_for(l->pages); i++) {
            g_free(l->chunk[i].bitmap);
        }
        g_free(l->chunk);
        g_free(l);
    }
}

static uint32_t count_of(const Ledger *l, const Chunk *c)
{
    return c->generation == l->generation ? c->count : 0;
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

/* The bitmap of @c, with what the chunk's count alone has said so far. */
static Bitmap *bitmap_of(const Ledger *l, Chunk *c)
{
    uint32_t count = count_of(l, c);

    if (!c->bitmap) {
        c->bitmap = g_new(Bitmap, 1);
    }
    if (count == 0 || count == CHUNK_PAGES) {
        memset(c->bitmap, count ? 0xff : 0, sizeof(*c->bitmap));
    }
    return c->bitmap;
}

/* Sets or clears pages [lo, hi) of a bitmap.  Return: how many changed. */
static uint32_t bitmap_change(Bitmap *b, unsigned lo, unsigned hi, bool in)
{
    uint32_t changed = 0;

    while (lo < hi) {
        unsigned w = lo / WORD_PAGES;
        unsigned stop = MIN(hi, (w + 1) * WORD_PAGES);
        uint64_t want = mask(lo % WORD_PAGES, stop - w * WORD_PAGES);
        uint64_t flip = in ? want & ~b->word[w] : want & b->word[w];

        b->word[w] ^= flip;
        changed += (uint32_t)__builtin_popcountll(flip);
        lo = stop;
    }
    return changed;
}

/* Sets or clears pages [lo, hi) of a chunk.  Return: how many changed. */
static uint32_t chunk_change(const Ledger *l, Chunk *c, unsigned lo, unsigned hi, bool in)
{
    uint32_t before = count_of(l, c), after, changed;

    if (before == (in ? CHUNK_PAGES : 0)) {
        return 0;
    }
    if (hi - lo == CHUNK_PAGES) {
        after = in ? CHUNK_PAGES : 0;
        changed = in ? after - before : before;
    } else {
        changed = bitmap_change(bitmap_of(l, c), lo, hi, in);
        after = in ? before + changed : before - changed;
    }
    if (after == 0 || after == CHUNK_PAGES) {
        g_free(c->bitmap);
        c->bitmap = NULL;
    }
    c->count = after;
    c->generation = l->generation;
    return changed;
}

/* As ledger_find() within one bitmap. */
static unsigned bitmap_find(const Bitmap *b, unsigned lo, unsigned hi, bool in)
{
    while (lo < hi) {
        unsigned w = lo / WORD_PAGES;
        uint64_t bits = (in ? b->word[w] : ~b->word[w]) & mask(lo % WORD_PAGES, WORD_PAGES);

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
    if (in && !l->count) {
        return end;
    }
    while (from < end) {
        uint64_t i = from / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);
        uint32_t count = count_of(l, &l->chunk[i]);

        if (count && count < CHUNK_PAGES) {
            uint64_t hit = base + bitmap_find(l->chunk[i].bitmap, from - base, stop - base, in);

            if (hit < stop) {
                return hit;
            }
        } else if ((count != 0) == in) {
            return from;
        }
        from = stop;
    }
    return end;
}

/* How many pages are in whole blocks of @unit pages, of those that [first, end) lies in. */
static uint64_t whole_around(const Ledger *l, uint64_t unit, uint64_t first, uint64_t end)
{
    uint64_t stop = MIN(round_up(end, unit), l->pages & ~(unit - 1));
    uint64_t at = first & ~(unit - 1), whole = 0;

    while (at < stop) {
        uint64_t start = round_up(ledger_find(l, at, stop, true), unit);
        uint64_t hole = ledger_find(l, start, stop, false);

        whole += (hole & ~(unit - 1)) - start;
        at = round_up(hole, unit);
    }
    return whole;
}

/* Return: how many pages of [first, first + n) changed. */
static uint64_t change(Ledger *l, uint64_t first, uint64_t n, bool in)
{
    uint64_t end = cut(l, first, n), changed = 0, before[LEDGER_BLOCK_SIZES];

    for (unsigned i = 0; i < LEDGER_BLOCK_SIZES; i++) {
        before[i] = l->unit[i] > 1 ? whole_around(l, l->unit[i], first, end) : 0;
    }
    for (uint64_t at = first; at < end;) {
        uint64_t i = at / CHUNK_PAGES;
        uint64_t base = i * CHUNK_PAGES;
        uint64_t stop = MIN(end, base + CHUNK_PAGES);

        changed += chunk_change(l, &l->chunk[i], at - base, stop - base, in);
        at = stop;
    }
    l->count = in ? l->count + changed : l->count - changed;
    for (unsigned i = 0; i < LEDGER_BLOCK_SIZES && changed; i++) {
        if (l->unit[i] > 1) {
            l->whole[i] += whole_around(l, l->unit[i], first, end) - before[i];
        }
    }
    return changed;
}

uint64_t ledger_set(Ledger *l, uint64_t first, uint64_t n)
{
    return change(l, first, n, true);
}

uint64_t ledger_clear(Ledger *l, uint64_t first, uint64_t n)
{
    return l->count ? change(l, first, n, false) : 0;
}

void ledger_set_block(Ledger *l, unsigned which, uint64_t pages)
{
    l->unit[which] = pages;
    l->whole[which] = whole_around(l, pages, 0, l->pages);
}

uint64_t ledger_in_whole_blocks(const Ledger *l, unsigned which)
{
    return l->unit[which] > 1 ? l->whole[which] : l->count;
}

bool ledger_next_extent(const Ledger *l, uint64_t from, uint64_t end, uint64_t *first, uint64_t *n)
{
    end = MIN(end, l->pages);
    *first = ledger_find(l, from, end, true);
    if (*first >= end) {
        return false;
    }
    *n = ledger_find(l, *first, end, false) - *first;
    return true;
}

bool ledger_next_whole(const Ledger *l, uint64_t from, uint64_t end, uint64_t unit,
                       uint64_t *first, uint64_t *n)
{
    end = MIN(end, l->pages);
    while (from < end) {
        uint64_t start = round_up(ledger_find(l, from, end, true), unit);
        uint64_t hole = ledger_find(l, start, end, false);

        if (start < end && hole - start >= unit) {
            *first = start;
            *n = hole - start;
            return true;
        }
        from = start + unit;
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
