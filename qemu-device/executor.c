/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The executor, see executor.h for the order it keeps.
 *
 * A lone small buffer is done at once in the thread that kicked, as its
 * driver waits for it and a bottom half would only add a switch of threads.
 * All else is gathered from many buffers into one plan and done in bottom
 * halves of the main loop, so that the guest runs on beside it.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "balloon.h"
#include "trace.h"

#define SLICE_NS (2 * SCALE_MS)
#define RETRY_MS 1000

/*
 * Pages gathered before their buffers go back: enough for long runs, little
 * enough that what the guest has handed over does not stay with it for long.
 */
#define GATHER_PFNS (64 * MiB / VIRTIO_BALLOON_PFN_SIZE)

/* What may be done in the kicking thread: two of Linux' arrays. */
#define INLINE_PFNS 512

/*
 * One discard: long enough to be cheap for each page, and cut down while one
 * takes more than half a slice (a host that has to unmap 4 KiB pages needs
 * about 5 ms for 64 MiB, shared memory 13 ms).
 */
#define STEP_MIN (4 * MiB)
#define STEP_START (16 * MiB)
#define STEP_MAX (64 * MiB)

/* On a stop: PFNs of a half-read buffer still worth reading, and the longest wait. */
#define DRAIN_PFNS (4 * GiB / VIRTIO_BALLOON_PFN_SIZE)
#define DRAIN_NS (50 * SCALE_MS)

static bool late(int64_t deadline)
{
    return get_clock() >= deadline;
}

/* Reads one chunk of @buf into the ledgers.  Return: PFNs read, 0 at its end. */
static size_t apply_chunk(Ballonet *s, BalloonBuffer *buf, bool inflate)
{
    RequestRange range[BALLOON_CHUNK_PFNS];
    BalloonTally t = { 0 };
    size_t ranges, n = balloon_queue_read(s, buf, range, &ranges);

    for (size_t i = 0; i < ranges; i++) {
        if (inflate) {
            balloon_ram_inflate(&s->ram, range[i].pfn, range[i].n, &t);
        } else {
            balloon_ram_deflate(&s->ram, range[i].pfn, range[i].n, &t);
        }
    }
    s->count.rejected_pfns += t.rejected;
    if (inflate) {
        s->count.repeated_pfns += t.repeated;
    } else {
        s->count.stray_pfns += t.repeated;
    }
    return n;
}

/* Return: whether all that was queued is done; false where time ran out. */
static bool do_deflates(Ballonet *s, int64_t deadline)
{
    BalloonBuffer *buf = &s->executor.deflate;
    unsigned pushed = 0;
    bool all = true;

    while (buf->elem || balloon_queue_next(s, s->deflateq, buf)) {
        if (!apply_chunk(s, buf, false)) {
            balloon_queue_push(s, s->deflateq, buf->elem);
            buf->elem = NULL;
            pushed++;
        }
        if (late(deadline)) {
            all = false;
            break;
        }
    }
    if (pushed) {
        virtio_notify(VIRTIO_DEVICE(s), s->deflateq);
    }
    return all;
}

static void gather(Ballonet *s, int64_t deadline)
{
    BalloonExecutor *ex = &s->executor;

    while (ex->nheld < ARRAY_SIZE(ex->held) && ex->gathered < GATHER_PFNS &&
           (ex->inflate.elem || balloon_queue_next(s, s->inflateq, &ex->inflate))) {
        size_t n = apply_chunk(s, &ex->inflate, true);

        ex->gathered += n;
        if (!n) {
            ex->held[ex->nheld++] = ex->inflate.elem;
            ex->inflate.elem = NULL;
        }
        if (late(deadline)) {
            break;
        }
    }
}

/* Keeps what cannot be given back in the ledger, and looks again later. */
static void note_inhibition(Ballonet *s, const char *why)
{
    BalloonExecutor *ex = &s->executor;
    uint64_t withheld = balloon_zones_fresh(&s->ram.zones);

    if (!withheld) {
        return;
    }
    trace_ballonet_inhibited(why, withheld);
    if (!ex->inhibited) {
        ex->inhibited = true;
        warn_report("balloon: memory cannot be given back to the host now (%s); "
                    "it will be once that has ended", why);
    }
    timer_mod(ex->retry, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
}

static void fit_step(BalloonExecutor *ex, int64_t took, int64_t bytes)
{
    if (took > SLICE_NS / 2 && ex->step > STEP_MIN) {
        ex->step /= 2;
    } else if (took < SLICE_NS / 8 && bytes >= (int64_t)ex->step && ex->step < STEP_MAX) {
        ex->step *= 2;
    }
}

/*
 * Discards what is fresh.  Return: whether nothing is left that could be
 * discarded now; false where time ran out or a deflate came in, which must be
 * applied first.
 */
static bool discard(Ballonet *s, int64_t deadline)
{
    BalloonExecutor *ex = &s->executor;

    for (;;) {
        const char *why = balloon_ram_inhibited();
        int64_t t0 = get_clock(), bytes;

        if (why) {
            note_inhibition(s, why);
            return true;
        }
        if (ex->inhibited) {
            ex->inhibited = false;
            trace_ballonet_uninhibited(balloon_zones_fresh(&s->ram.zones));
        }
        if (!virtio_queue_empty(s->deflateq)) {
            return false;
        }
        bytes = balloon_ram_give_back(&s->ram, ex->step);
        if (bytes < 0) {
            return true;
        }
        if (bytes) {
            s->count.discards++;
            s->count.discarded_bytes += bytes;
            fit_step(ex, get_clock() - t0, bytes);
        } else {
            s->count.failed_discards++;
        }
        if (late(deadline)) {
            return false;
        }
    }
}

static void push_held(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;

    for (unsigned i = 0; i < ex->nheld; i++) {
        balloon_queue_push(s, s->inflateq, ex->held[i]);
    }
    if (ex->nheld) {
        virtio_notify(VIRTIO_DEVICE(s), s->inflateq);
    }
    ex->nheld = 0;
    ex->gathered = 0;
}

static bool idle(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;

    return !ex->inflate.elem && !ex->deflate.elem && !ex->nheld &&
           virtio_queue_empty(s->inflateq) && virtio_queue_empty(s->deflateq);
}

/* While the bottom half is at work it finds new buffers by itself. */
static void set_busy(Ballonet *s, bool busy)
{
    s->executor.busy = busy;
    virtio_queue_set_notification(s->inflateq, !busy);
    virtio_queue_set_notification(s->deflateq, !busy);
}

/* One slice.  Return: whether all is done. */
static bool slice(Ballonet *s, bool in_kick)
{
    BalloonExecutor *ex = &s->executor;
    int64_t t0 = get_clock(), deadline = t0 + SLICE_NS;
    bool done = false;

    balloon_ram_begin(&s->ram);
    do {
        if (!do_deflates(s, deadline)) {
            break;
        }
        gather(s, deadline);
        if (in_kick && (ex->inflate.elem || ex->nheld > 1 || ex->gathered > INLINE_PFNS)) {
            break;
        }
        if (discard(s, deadline)) {
            push_held(s);
            done = idle(s);
        }
    } while (!done && !late(deadline));
    trace_ballonet_slice(ex->nheld, ex->gathered, done, get_clock() - t0);
    return done;
}

static void run(Ballonet *s, bool in_kick)
{
    if (!VIRTIO_DEVICE(s)->vm_running) {
        return;
    }
    if (!slice(s, in_kick)) {
        set_busy(s, true);
        qemu_bh_schedule(s->executor.bh);
        return;
    }
    if (s->executor.busy) {
        set_busy(s, false);
        if (!idle(s)) {
            /* A buffer came in between the last look and the switch. */
            set_busy(s, true);
            qemu_bh_schedule(s->executor.bh);
        }
    }
}

static void bottom_half(void *opaque)
{
    run(opaque, false);
}

void balloon_executor_kick(Ballonet *s)
{
    if (!s->executor.busy) {
        run(s, true);
    }
}

void balloon_executor_resume(Ballonet *s)
{
    qemu_bh_schedule(s->executor.bh);
}

void balloon_executor_init(Ballonet *s)
{
    DeviceState *dev = DEVICE(s);

    s->executor = (BalloonExecutor){ .step = STEP_START };
    s->executor.bh = virtio_bh_new_guarded(dev, bottom_half, s);
    s->executor.retry = timer_new_ms(QEMU_CLOCK_REALTIME, bottom_half, s);
}

/* Reads @buf to its end, or puts it back where that would take long. */
static void settle(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    if (buf->elem && buf->pfns - buf->done > DRAIN_PFNS) {
        balloon_queue_rewind(s, vq, buf);
    }
    while (buf->elem && apply_chunk(s, buf, vq == s->inflateq)) {
        continue;
    }
}

static void push_settled(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    if (buf->elem) {
        balloon_queue_push(s, vq, buf->elem);
        buf->elem = NULL;
        virtio_notify(VIRTIO_DEVICE(s), vq);
    }
}

void balloon_executor_drain(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;
    int64_t deadline = get_clock() + DRAIN_NS;

    qemu_bh_cancel(ex->bh);
    timer_del(ex->retry);
    if (!ex->busy) {
        return;
    }
    trace_ballonet_drain(ex->nheld);
    balloon_ram_begin(&s->ram);
    settle(s, s->inflateq, &ex->inflate);
    /*
     * What time does not suffice for stays fresh in the ledger and is given
     * back when the VM goes on; its buffers need not wait for that.
     */
    while (do_deflates(s, deadline) && !discard(s, deadline) && !late(deadline)) {
        continue;
    }
    settle(s, s->deflateq, &ex->deflate);
    push_settled(s, s->deflateq, &ex->deflate);
    push_held(s);
    push_settled(s, s->inflateq, &ex->inflate);
    set_busy(s, false);
}

void balloon_executor_reset(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;

    trace_ballonet_reset(balloon_zones_in(&s->ram.zones));
    qemu_bh_cancel(ex->bh);
    timer_del(ex->retry);
    while (ex->nheld) {
        balloon_queue_forget(s->inflateq, ex->held[--ex->nheld]);
    }
    if (ex->inflate.elem) {
        balloon_queue_forget(s->inflateq, ex->inflate.elem);
    }
    if (ex->deflate.elem) {
        balloon_queue_forget(s->deflateq, ex->deflate.elem);
    }
    ex->inflate.elem = ex->deflate.elem = NULL;
    ex->gathered = 0;
    ex->busy = false;
    ex->inhibited = false;
    balloon_zones_clear(&s->ram.zones);
}

void balloon_executor_fini(Ballonet *s)
{
    balloon_executor_reset(s);
    timer_free(s->executor.retry);
    qemu_bh_delete(s->executor.bh);
}
