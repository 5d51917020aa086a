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
#include "qemu/units.h"
#include "balloon.h"
#include "trace.h"

/*
 * Pages gathered before their buffers go back: enough for long runs, little
 * enough that what the guest has handed over does not stay with it for long.
 */
#define GATHER_PFNS (64 * MiB / VIRTIO_BALLOON_PFN_SIZE)

/* What may be done in the kicking thread: two of Linux' arrays. */
#define INLINE_PFNS 512

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
           virtio_queue_empty(s->inflateq) && virtio_queue_empty(s->deflateq) &&
           balloon_ops_idle(s);
}

/* While the bottom half or the poll is to come, it finds new buffers by itself. */
static void set_busy(Ballonet *s, bool busy)
{
    VirtQueue *opsq = balloon_ops_queue(s);

    s->executor.busy = busy;
    if (opsq) {
        virtio_queue_set_notification(opsq, !busy);
    }
    virtio_queue_set_notification(s->inflateq, !busy);
    virtio_queue_set_notification(s->deflateq, !busy);
}

/* Whether a lone small buffer was found: its driver waits for it. */
static bool brief(const Ballonet *s)
{
    const BalloonExecutor *ex = &s->executor;
    const BalloonOps *o = &s->ops;

    return !ex->inflate.elem && !o->elem && ex->nheld + o->nheld <= 1 &&
           ex->gathered + o->entered <= INLINE_PFNS;
}

/* One slice.  Return: whether all is done. */
static bool slice(Ballonet *s, bool in_kick)
{
    BalloonExecutor *ex = &s->executor;
    int64_t t0 = get_clock(), deadline = t0 + BALLOON_SLICE_NS;
    bool done = false;

    balloon_ram_begin(&s->ram);
    do {
        if (!do_deflates(s, deadline)) {
            break;
        }
        gather(s, deadline);
        balloon_ops_gather(s, GATHER_PFNS, deadline);
        if (in_kick && !brief(s)) {
            break;
        }
        if (balloon_reclaim_run(s, deadline)) {
            push_held(s);
            balloon_ops_answer(s);
            done = idle(s);
        }
    } while (!done && !late(deadline));
    trace_ballonet_slice(ex->nheld, ex->gathered, done, get_clock() - t0);
    return done;
}

/* All is done: either the poll looks for the next buffer, or the driver tells of it. */
static void rest(Ballonet *s)
{
    if (balloon_ops_queue(s) && balloon_poll_go_on(&s->executor.poll)) {
        if (!s->executor.busy) {
            set_busy(s, true);
        }
    } else if (s->executor.busy) {
        set_busy(s, false);
    }
}

static void run(Ballonet *s, bool in_kick)
{
    if (!VIRTIO_DEVICE(s)->vm_running) {
        return;
    }
    if (slice(s, in_kick)) {
        rest(s);
        if (s->executor.busy || idle(s)) {
            return;
        }
        /* A buffer came in between the last look and the switch. */
    }
    set_busy(s, true);
    qemu_bh_schedule(s->executor.bh);
}

static void look(void *opaque)
{
    Ballonet *s = opaque;

    if (idle(s)) {
        rest(s);
    }
    if (!idle(s)) {
        run(s, false);
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
    s->executor = (BalloonExecutor){ 0 };
    s->executor.bh = virtio_bh_new_guarded(DEVICE(s), bottom_half, s);
    balloon_ops_init(s);
    balloon_poll_init(&s->executor.poll, look, s);
    balloon_reclaim_init(s, bottom_half);
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
    balloon_poll_stop(&ex->poll);
    balloon_reclaim_pause(s);
    if (!ex->busy) {
        return;
    }
    trace_ballonet_drain(ex->nheld);
    balloon_ram_begin(&s->ram);
    settle(s, s->inflateq, &ex->inflate);
    balloon_ops_settle(s, deadline);
    /*
     * What time does not suffice for stays fresh in the ledger and is given
     * back when the VM goes on; its buffers need not wait for that.
     */
    while (do_deflates(s, deadline) && !balloon_reclaim_run(s, deadline) && !late(deadline)) {
        continue;
    }
    settle(s, s->deflateq, &ex->deflate);
    push_settled(s, s->deflateq, &ex->deflate);
    push_held(s);
    push_settled(s, s->inflateq, &ex->inflate);
    balloon_ops_answer(s);
    set_busy(s, false);
}

void balloon_executor_reset(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;

    trace_ballonet_reset(balloon_zones_in(&s->ram.zones));
    qemu_bh_cancel(ex->bh);
    balloon_poll_stop(&ex->poll);
    balloon_ops_forget(s);
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
    balloon_zones_clear(&s->ram.zones);
    balloon_reclaim_reset(s);
}

void balloon_executor_fini(Ballonet *s)
{
    balloon_executor_reset(s);
    balloon_reclaim_fini(s);
    balloon_poll_fini(&s->executor.poll);
    qemu_bh_delete(s->executor.bh);
}
