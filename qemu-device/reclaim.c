/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim, see reclaim.h.  What to discard next is the plan's word, how it is
 * done is discard.c's; here is when, and how much at a time.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "balloon.h"
#include "hold.h"
#include "trace.h"

/* There is no notice of the end of an inhibition. */
#define INHIBITION_LOOK_MS 1000

/*
 * One call: long enough to be cheap for each page, short enough where the host
 * has to unmap pages of 4 KiB (some 80 us for 1 MiB, of shared memory 200 us),
 * as what a range costs is known only afterwards.  It is cut down where one took
 * more than CALL_NS of processor time, and grows again SLOW_NS after the last
 * such.
 */
#define CALL_NS (1 * SCALE_MS)
#define SLOW_NS (1000 * SCALE_MS)
#define STEP_MIN (256 * KiB)
#define STEP_MAX (12 * MiB)
#define STEP_MAX_SHARED (4 * MiB)
#define STEP_MAX_HUGE (64 * MiB) /* hugetlbfs */

/*
 * Discarding a page that is out already costs about 1 ns (one empty page table
 * entry), a call of its own a microsecond: so much may lie between two extents
 * that are joined.
 */
#define BRIDGE_BYTES (8 * MiB)

/*
 * QEMU writes to the log for each discard that fails.  After so many in one RAM
 * block nothing of that block is discarded until the next retry.
 */
#define FAILURES_MAX 4
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 64000

/* Extents that failed and are made pending again in one go. */
#define RETRY_EXTENTS 1024

static int64_t now_ms(void)
{
    return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

const char *balloon_reclaim_inhibited(void)
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

static bool tells_first(Ballonet *s)
{
    return balloon_has_page_ops(s) ||
           virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_BALLOON_F_MUST_TELL_HOST);
}

bool balloon_reclaim_may_defer(Ballonet *s)
{
    return balloon_driver_is_up(s) && tells_first(s);
}

const char *balloon_reclaim_look(Ballonet *s)
{
    BalloonReclaim *rc = &s->reclaim;
    const char *why = balloon_reclaim_inhibited();

    if (why && !rc->inhibited) {
        trace_ballonet_inhibited(why, balloon_ram_pending(&s->ram));
        rc->inhibited = true;
    } else if (!why && rc->inhibited) {
        trace_ballonet_uninhibited(balloon_ram_pending(&s->ram));
        rc->inhibited = false;
        rc->uninhibited = true;
    }
    if (why) {
        timer_mod_anticipate(rc->timer, now_ms() + INHIBITION_LOOK_MS);
    }
    return why;
}

static void tell_of_inhibition(Ballonet *s, const char *why)
{
    if (!runstate_check(RUN_STATE_SHUTDOWN) && balloon_ram_pending(&s->ram)) {
        warn_report_once("balloon: memory cannot be given back to the host now (%s)%s", why,
                         tells_first(s) ? "; it will be once that has ended" : "");
    }
}

static void drop(Ballonet *s, BalloonBlock *b)
{
    s->count.dropped_pages += ledger_count(b->pending) + ledger_count(b->failed);
    ledger_clear_all(b->pending);
    ledger_clear_all(b->failed);
    b->rest.n = 0;
}

void balloon_reclaim_drop(Ballonet *s)
{
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        drop(s, b);
    }
}

void balloon_reclaim_settle(Ballonet *s)
{
    if (!balloon_reclaim_may_defer(s)) {
        balloon_reclaim_drop(s);
    }
}

static bool is_paused(const BalloonBlock *b)
{
    return b->failures >= FAILURES_MAX;
}

/* @b did not take a range: no more is tried in it for now, if there were several. */
static void note_failure(Ballonet *s, BalloonBlock *b)
{
    s->count.failed_discards++;
    b->failures++;
    if (!b->retry_at) {
        b->backoff_ms = MIN(MAX(b->backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
        b->retry_at = now_ms() + b->backoff_ms;
        trace_ballonet_discard_retry(qemu_ram_get_idstr(b->rb), b->backoff_ms);
        timer_mod_anticipate(s->reclaim.timer, b->retry_at);
    }
}

static uint64_t step_max(const BalloonBlock *b)
{
    if (qemu_ram_pagesize(b->rb) > qemu_real_host_page_size()) {
        return STEP_MAX_HUGE;
    }
    return qemu_ram_is_shared(b->rb) ? STEP_MAX_SHARED : STEP_MAX;
}

static uint64_t step_of(BalloonBlock *b)
{
    if (!b->step) {
        b->step = step_max(b);
    }
    return b->step;
}

/*
 * Fits the step to a call that gave @bytes of @b back in @ns.  Slow to grow: a
 * guest can have calls that cost nothing in between.
 */
static void fit_step(BalloonBlock *b, uint64_t bytes, int64_t ns)
{
    int64_t now = get_clock();

    if (ns > CALL_NS && b->step > STEP_MIN) {
        b->step /= 2;
        b->slow_at = now;
    } else if (ns < CALL_NS / 4 && bytes >= b->step && b->step < step_max(b) &&
               now - b->slow_at > SLOW_NS) {
        b->step = MIN(b->step * 2, step_max(b));
    }
}

/*
 * Processor time of a call from @begin (get_clock()) to @end, at least: of the
 * time before it since start_clocks() all is left out.  That clock is a system
 * call, and read only where the time that has passed says something else.
 */
static int64_t call_ns(const BalloonReclaim *rc, int64_t begin, int64_t end)
{
    int64_t ns = end - begin;

    return ns < CALL_NS ? ns : balloon_cpu_ns() - rc->start_cpu - (begin - rc->start);
}

static void start_clocks(BalloonReclaim *rc)
{
    rc->start = get_clock();
    rc->start_cpu = balloon_cpu_ns();
}

/* Gives @n ranges of @b back.  Return: how many went; the next one has failed. */
static unsigned discard(Ballonet *s, BalloonBlock *b, const BalloonDiscardRange *range, unsigned n)
{
    uint64_t bytes = 0;
    int64_t t0 = get_clock();
    unsigned done;

    for (unsigned i = 0; i < n; i++) {
        bytes += range[i].bytes;
    }
    done = balloon_discard(&s->reclaim.discard, b->rb, range, n);
    fit_step(b, bytes, call_ns(&s->reclaim, t0, get_clock()));
    s->count.discards += done;
    for (unsigned i = 0; i < done; i++) {
        s->count.discarded_bytes += range[i].bytes;
    }
    if (done < n) {
        note_failure(s, b);
    }
    return done;
}

static BalloonDiscardRange range_of(PlanExtent e)
{
    return (BalloonDiscardRange){ .offset = balloon_bytes(e.first), .bytes = balloon_bytes(e.n) };
}

/*
 * A unit is whole when it is begun, but it need not go in one call unless it is
 * one page of the host.  Return: whether there is such a unit; *@range is its next piece.
 */
static bool next_piece(BalloonBlock *b, BalloonDiscardRange *range)
{
    uint64_t page = MAX(balloon_pages(qemu_ram_pagesize(b->rb)), 1);
    PlanExtent piece = b->rest;

    if (!ledger_holds(b->inflated, piece.first, piece.n)) {
        b->rest.n = 0; /* a page of it has left meanwhile */
    }
    if (!b->rest.n) {
        return false;
    }
    piece.n = MIN(piece.n, MAX(QEMU_ALIGN_DOWN(balloon_pages(b->step), page), page));
    b->rest.first += piece.n;
    b->rest.n -= piece.n;
    *range = range_of(piece);
    return true;
}

/* The next ranges of @b to discard, a step together or somewhat more.  Return: how many. */
static unsigned next_ranges(Ballonet *s, BalloonBlock *b, BalloonDiscardRange *range)
{
    uint64_t step = step_of(b), bytes = 0, from = b->plan_from;
    PlanLimits lim = {
        .unit = b->unit,
        /* A page that was answered for may be the guest's again without a word. */
        .bridge = balloon_reclaim_may_defer(s) ? balloon_pages(BRIDGE_BYTES) : 0,
    };
    unsigned n = 0;
    PlanExtent e;

    if (next_piece(b, range)) {
        return 1;
    }
    while (n < BALLOON_DISCARD_MAX && bytes < step) {
        lim.max = balloon_pages(step - bytes);
        if (!plan_next(b->inflated, b->pending, from, &lim, &e) ||
            (n && balloon_bytes(e.n) > step)) {
            break;
        }
        if (balloon_bytes(e.n) > step) {
            b->rest = e;
            return next_piece(b, range);
        }
        range[n++] = range_of(e);
        bytes += balloon_bytes(e.n);
        from = e.first + e.n;
    }
    return n;
}

/* Discards ranges of @b, which are no longer pending afterwards. */
static void give_back(Ballonet *s, BalloonBlock *b, const BalloonDiscardRange *range, unsigned n)
{
    unsigned done = discard(s, b, range, n);

    for (unsigned i = 0; i < done; i++) {
        ledger_clear(b->pending, balloon_pages(range[i].offset), balloon_pages(range[i].bytes));
    }
    if (done == n) {
        b->plan_from = QEMU_ALIGN_DOWN(balloon_pages(range[n - 1].offset + range[n - 1].bytes),
                                       b->unit);
    } else {
        uint64_t first = balloon_pages(range[done].offset);
        uint64_t pages = balloon_pages(range[done].bytes);

        ledger_clear(b->pending, first, pages);
        if (balloon_reclaim_may_defer(s)) {
            ledger_set(b->failed, first, pages);
        } else {
            s->count.dropped_pages += pages;
        }
    }
}

/* Return: false where nothing is left that could be discarded now. */
static bool give_back_some(Ballonet *s)
{
    BalloonDiscardRange range[BALLOON_DISCARD_MAX];
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        unsigned n = is_paused(b) ? 0 : next_ranges(s, b, range);

        if (n) {
            give_back(s, b, range, n);
            return true;
        }
        if (b->retrying && !b->retry_at) {
            /* All that had failed has gone now. */
            b->retrying = false;
            b->backoff_ms = 0;
        }
    }
    return false;
}

/* What failed in @b is pending again, or a part of it where there is much. */
static void retry(BalloonBlock *b)
{
    uint64_t first, n, at = 0;

    b->retry_at = 0;
    b->failures = 0;
    for (unsigned i = 0; i < RETRY_EXTENTS &&
         ledger_next_extent(b->failed, at, ledger_pages(b->failed), &first, &n); i++) {
        at = first + n;
        balloon_block_set_pending(b, first, n);
        b->retrying = true;
    }
}

/* What failed is pending again where its time has come; for the rest the timer waits. */
static void retry_failed(Ballonet *s)
{
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        if (b->retry_at && b->retry_at <= now_ms()) {
            retry(b);
        }
        if (b->retry_at) {
            timer_mod_anticipate(s->reclaim.timer, b->retry_at);
        }
    }
}

bool balloon_reclaim_run(Ballonet *s, int64_t deadline)
{
    retry_failed(s);
    start_clocks(&s->reclaim);
    do {
        const char *why = balloon_reclaim_look(s);

        if (why) {
            tell_of_inhibition(s, why);
            return true;
        }
        if (!virtio_queue_empty(s->deflateq)) {
            return false;
        }
        if (!give_back_some(s)) {
            return true;
        }
    } while (get_clock() < deadline);
    return false;
}

uint64_t balloon_reclaim_reported(Ballonet *s, BalloonBlock *b, uint64_t start, uint64_t end)
{
    uint64_t page = qemu_ram_pagesize(b->rb);
    BalloonDiscardRange range = {
        .offset = start,
        .bytes = MIN(end - start, MAX(QEMU_ALIGN_DOWN(step_of(b), page), page)),
    };

    if (is_paused(b)) {
        return end - start;
    }
    start_clocks(&s->reclaim);
    if (discard(s, b, &range, 1)) {
        s->count.reported_bytes += range.bytes;
    }
    return range.bytes;
}

void balloon_reclaim_init(Ballonet *s, QEMUTimerCB *look)
{
    s->reclaim = (BalloonReclaim){ 0 };
    s->reclaim.timer = timer_new_ms(QEMU_CLOCK_REALTIME, look, s);
    balloon_discard_init(&s->reclaim.discard);
}

void balloon_reclaim_fini(Ballonet *s)
{
    timer_free(s->reclaim.timer);
    balloon_discard_fini(&s->reclaim.discard);
}
