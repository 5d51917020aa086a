/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Residency, see residency.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>

#include "balloon.h"
#include "trace.h"

/* One step of a sweep takes STEP_NS at most, and the next one comes STEP_MS later. */
#define STEP_NS (SCALE_MS / 4)
#define STEP_MS 20

/* Host pages that are asked for in one call: 32 KiB of the page map, some 20 us. */
#define ASK_PAGES 4096

/* An entry of the page map (Linux: admin-guide/mm/pagemap.rst): present, or swapped out. */
#define PAGEMAP_BACKED (UINT64_C(3) << 62)

/*
 * Asks which of @n host pages of @rb from byte @offset on are backed.  Shared
 * memory is asked by its file, as another process may have populated it; private
 * memory, and huge pages, by our own page table.
 * Return: whether @backed was filled in.
 */
static bool ask(BalloonResidency *r, RAMBlock *rb, uint64_t offset, unsigned n, uint8_t *backed)
{
    size_t page = qemu_real_host_page_size();
    uint8_t *host = (uint8_t *)qemu_ram_get_host_addr(rb) + offset;
    uint64_t entry[ASK_PAGES];
    ssize_t want = n * sizeof(entry[0]);

    if (qemu_ram_is_shared(rb) && qemu_ram_pagesize(rb) == page) {
        return !mincore(host, n * page, backed);
    }
    if (r->pagemap < 0) {
        r->pagemap = qemu_open_old("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    }
    if (r->pagemap < 0 ||
        pread(r->pagemap, entry, want, (uintptr_t)host / page * sizeof(entry[0])) != want) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        backed[i] = !!(entry[i] & PAGEMAP_BACKED);
    }
    return true;
}

/* Gives pages [first, first + n) of @b back, which are in the balloon and backed. */
static void give_back_again(Ballonet *s, BalloonBlock *b, uint64_t first, uint64_t n)
{
    /* What failed is tried again in its own time. */
    if (balloon_reclaim_may_defer(s) &&
        ledger_find(b->failed, first, first + n, true) == first + n) {
        balloon_block_set_pending(b, first, n);
    }
}

/* Looks at pages [first, end) of @b, whole host pages and at most ASK_PAGES of them. */
static void look_at(Ballonet *s, BalloonBlock *b, uint64_t first, uint64_t end)
{
    uint64_t page = balloon_pages(qemu_real_host_page_size());
    uint8_t backed[ASK_PAGES];
    unsigned n = (end - first) / page;

    if (!ask(&s->residency, b->rb, balloon_bytes(first), n, backed)) {
        return;
    }
    for (unsigned i = 0; i < n;) {
        unsigned start = i;
        uint64_t at;

        while (i < n && (backed[i] & 1) == (backed[start] & 1)) {
            i++;
        }
        at = first + start * page;
        if (backed[start] & 1) {
            s->residency.found += (i - start) * page;
            give_back_again(s, b, at, (i - start) * page);
        }
    }
}

/* Looks at the next pages of @b that are in the balloon. */
static void look_at_next(Ballonet *s, BalloonBlock *b)
{
    uint64_t page = balloon_pages(qemu_real_host_page_size());
    uint64_t first = ledger_find(b->inflated, b->swept, ledger_pages(b->inflated), true);
    uint64_t end = ledger_find(b->inflated, first, first + ASK_PAGES * page, false);

    b->swept = end;
    first = ROUND_UP(first, page);
    end = QEMU_ALIGN_DOWN(end, page);
    if (first < end) {
        look_at(s, b, first, end);
    }
}

/* The block that the sweep has not finished; NULL: all are. */
static BalloonBlock *unswept(Ballonet *s)
{
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        if (b->swept < ledger_pages(b->inflated)) {
            return b;
        }
    }
    return NULL;
}

static void begin(Ballonet *s)
{
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        b->swept = 0;
    }
    s->residency.found = 0;
    s->residency.sweeping = true;
}

static void arm_timer(BalloonResidency *r, int64_t ms)
{
    timer_mod(r->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
}

static void end(Ballonet *s)
{
    BalloonResidency *r = &s->residency;

    trace_ballonet_swept(r->found, balloon_ram_pending(&s->ram));
    r->sweeping = false;
    r->resident = r->found;
    if (balloon_ram_inflated(&s->ram)) {
        arm_timer(r, r->interval * INT64_C(1000));
    }
}

bool balloon_residency_step(Ballonet *s)
{
    BalloonResidency *r = &s->residency;
    int64_t deadline = get_clock() + STEP_NS;
    BalloonBlock *b;

    if (!balloon_driver_is_up(s) || balloon_reclaim_look(s)) {
        /* The end of an inhibition, and the next inflate, begin a sweep. */
        r->sweeping = false;
        return false;
    }
    if (!r->sweeping) {
        begin(s);
    }
    while ((b = unswept(s)) && get_clock() < deadline) {
        look_at_next(s, b);
    }
    if (b) {
        arm_timer(r, STEP_MS);
    } else {
        end(s);
    }
    return balloon_ram_pending(&s->ram);
}

void balloon_residency_watch(Ballonet *s)
{
    BalloonResidency *r = &s->residency;

    if (r->interval && !timer_pending(r->timer)) {
        arm_timer(r, r->interval * INT64_C(1000));
    }
}

void balloon_residency_sweep_now(Ballonet *s)
{
    if (s->residency.interval) {
        s->residency.sweeping = false;
        arm_timer(&s->residency, 0);
    }
}

void balloon_residency_reset(Ballonet *s)
{
    timer_del(s->residency.timer);
    s->residency.sweeping = false;
    s->residency.resident = 0;
}

void balloon_residency_init(Ballonet *s, QEMUTimerCB *look)
{
    s->residency.sweeping = false;
    s->residency.timer = timer_new_ms(QEMU_CLOCK_REALTIME, look, s);
    s->residency.pagemap = -1;
    s->residency.resident = 0;
}

void balloon_residency_fini(Ballonet *s)
{
    timer_free(s->residency.timer);
    if (s->residency.pagemap >= 0) {
        close(s->residency.pagemap);
    }
}
