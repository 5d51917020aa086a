/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory, see ram.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "migration/misc.h"

#include "ram.h"
#include "plan.h"
#include "trace.h"
#include "virtio_balloon.h"

/*
 * Discarding a page that is out already costs about 1 ns (one empty page table
 * entry), a discard of its own a microsecond: so much may lie between two
 * runs that are joined.
 */
#define BRIDGE_BYTES (8 * MiB)

#define PAGES(bytes) ((uint64_t)(bytes) >> VIRTIO_BALLOON_PFN_SHIFT)
#define BYTES(pages) ((uint64_t)(pages) << VIRTIO_BALLOON_PFN_SHIFT)

void balloon_ram_init(BalloonRam *ram)
{
    balloon_zones_init(&ram->zones);
    balloon_discard_init(&ram->discard);
    balloon_ram_begin(ram);
}

void balloon_ram_fini(BalloonRam *ram)
{
    balloon_zones_fini(&ram->zones);
    balloon_discard_fini(&ram->discard);
}

void balloon_ram_begin(BalloonRam *ram)
{
    ram->span.n = 0;
}

/* What the first of [pfn, pfn + n) is, and how many after it are the same. */
static BalloonSpan span_at(BalloonRam *ram, uint64_t pfn, uint64_t n)
{
    BalloonSpan *c = &ram->span;
    uint64_t skip;

    if (pfn < c->pfn || pfn - c->pfn >= c->n) {
        balloon_span_look_up(&ram->zones, pfn, c);
    }
    skip = pfn - c->pfn;
    return (BalloonSpan){
        .zone = c->zone, .pfn = pfn, .n = MIN(n, c->n - skip), .first = c->first + skip,
    };
}

void balloon_ram_inflate(BalloonRam *ram, uint64_t pfn, uint64_t n, BalloonTally *t)
{
    while (n) {
        BalloonSpan s = span_at(ram, pfn, n);

        if (s.zone) {
            uint64_t changed = ledger_set(s.zone->in, s.first, s.n);

            ledger_set(s.zone->fresh, s.first, s.n);
            t->changed += changed;
            t->repeated += s.n - changed;
            trace_ballonet_inflate(qemu_ram_get_idstr(s.zone->rb), s.first, s.n, s.n - changed);
        } else {
            t->rejected += s.n;
            trace_virtio_balloon_bad_addr(BYTES(pfn));
        }
        pfn += s.n;
        n -= s.n;
    }
}

void balloon_ram_deflate(BalloonRam *ram, uint64_t pfn, uint64_t n, BalloonTally *t)
{
    while (n) {
        BalloonSpan s = span_at(ram, pfn, n);

        if (s.zone) {
            uint64_t changed = ledger_clear(s.zone->in, s.first, s.n);

            ledger_clear(s.zone->fresh, s.first, s.n);
            t->changed += changed;
            t->repeated += s.n - changed;
            trace_ballonet_deflate(qemu_ram_get_idstr(s.zone->rb), s.first, s.n, s.n - changed);
        } else {
            t->rejected += s.n;
            trace_virtio_balloon_bad_addr(BYTES(pfn));
        }
        pfn += s.n;
        n -= s.n;
    }
}

BalloonJudged balloon_ram_judge(BalloonRam *ram, uint64_t pfn, uint64_t n, bool in)
{
    BalloonJudged judged = BALLOON_RAM_ALIKE;

    while (n) {
        BalloonSpan s = span_at(ram, pfn, n);

        if (!s.zone) {
            trace_virtio_balloon_bad_addr(BYTES(pfn));
            return BALLOON_RAM_NONE;
        }
        if (ledger_find(s.zone->in, s.first, s.first + s.n, !in) < s.first + s.n) {
            judged = BALLOON_RAM_UNLIKE;
        }
        pfn += s.n;
        n -= s.n;
    }
    return judged;
}

BalloonZone *balloon_ram_zone_by_name(BalloonZones *zs, const char *name)
{
    RAMBlock *rb = qemu_ram_block_by_name(name);
    ram_addr_t offset;
    MemoryRegion *mr =
        rb ? memory_region_from_host(qemu_ram_get_host_addr(rb), &offset) : NULL;

    if (!mr || balloon_span_no_memory(mr)) {
        return NULL;
    }
    return balloon_zone_of(zs, rb);
}

const char *balloon_ram_inhibited(void)
{
    if (runstate_check(RUN_STATE_SHUTDOWN)) {
        /* QEMU may have ended migration already: its state must not be asked for. */
        return "the machine is shut down";
    }
    if (ram_block_discard_is_disabled()) {
        return "a device or a setting forbids discarding guest memory";
    }
    if (migration_in_incoming_postcopy()) {
        return "postcopy migration is coming in";
    }
    if (migration_in_bg_snapshot()) {
        return "a background snapshot is being taken";
    }
    return NULL;
}

/* Return: ranges given back; where that is not all, the block is left alone from then on. */
static unsigned discard(BalloonRam *ram, BalloonZone *z, const BalloonDiscardRange *range,
                        unsigned n)
{
    unsigned done = balloon_discard(&ram->discard, z->rb, range, n);

    if (done < n) {
        /* QEMU has said why, once for each call: once is enough. */
        z->refused = true;
    }
    return done;
}

/* The next fresh runs of @z, of @max bytes together or somewhat more.  Return: how many. */
static unsigned next_runs(BalloonZone *z, uint64_t max, bool again, BalloonDiscardRange *range)
{
    uint64_t bridge = again ? PAGES(BRIDGE_BYTES) : 0;
    PlanLimits lim = { .unit = z->unit, .bridge = bridge, .max = PAGES(max) };
    uint64_t from = 0, bytes = 0;
    unsigned n = 0;
    PlanRun run;

    while (n < BALLOON_DISCARD_MAX && bytes < max && plan_next(z->in, z->fresh, from, &lim, &run)) {
        range[n++] = (BalloonDiscardRange){ .offset = BYTES(run.first), .bytes = BYTES(run.n) };
        bytes += BYTES(run.n);
        from = run.first + run.n;
        lim.max = PAGES(max) - MIN(PAGES(bytes), PAGES(max));
    }
    return n;
}

bool balloon_ram_give_back(BalloonRam *ram, uint64_t max, bool again, BalloonGiven *got)
{
    BalloonZone *z;

    *got = (BalloonGiven){ 0 };
    QTAILQ_FOREACH (z, &ram->zones.list, next) {
        BalloonDiscardRange range[BALLOON_DISCARD_MAX];
        unsigned i, n = z->refused ? 0 : next_runs(z, max, again, range);

        if (!n) {
            continue;
        }
        got->discards = discard(ram, z, range, n);
        got->refused = got->discards < n;
        for (i = 0; i < got->discards; i++) {
            ledger_clear(z->fresh, PAGES(range[i].offset), PAGES(range[i].bytes));
            got->bytes += range[i].bytes;
        }
        return true;
    }
    return false;
}

void balloon_ram_report(BalloonRam *ram, void *host, uint64_t bytes, uint64_t max,
                        BalloonReported *got)
{
    ram_addr_t offset;
    MemoryRegion *mr = memory_region_from_host(host, &offset);
    uint64_t page, start, end, used;
    BalloonDiscardRange range;
    BalloonZone *z;

    *got = (BalloonReported){ .passed = bytes };
    if (!mr || balloon_span_no_memory(mr)) {
        got->rejected = true; /* a bounce buffer, for one: what is there is no memory */
        return;
    }
    z = balloon_zone_of(&ram->zones, mr->ram_block);
    used = qemu_ram_get_used_length(z->rb);
    page = BYTES(z->unit);
    start = ROUND_UP(offset, page);
    end = QEMU_ALIGN_DOWN(MIN(offset + bytes, used), page);
    if (z->refused || start >= end) {
        trace_ballonet_report_kept(qemu_ram_get_idstr(z->rb), offset, bytes, page);
        return;
    }
    end = MIN(end, start + MAX(QEMU_ALIGN_DOWN(max, page), page));
    got->passed = end - offset;
    range = (BalloonDiscardRange){ .offset = start, .bytes = end - start };
    got->given.discards = discard(ram, z, &range, 1);
    got->given.refused = !got->given.discards;
    got->given.bytes = got->given.discards ? range.bytes : 0;
}
