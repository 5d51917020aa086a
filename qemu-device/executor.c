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

/* The longest wait on a stop. */
#define DRAIN_NS (50 * SCALE_MS)

static bool idle(Ballonet *s)
{
    return balloon_pfns_idle(s) && balloon_ops_idle(s);
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
    const BalloonPfns *p = &s->pfns;
    const BalloonOps *o = &s->ops;

    return !p->inflate.elem && !o->elem && p->nheld + o->nheld <= 1 &&
           p->gathered + o->entered <= INLINE_PFNS;
}

/* One slice.  Return: whether all is done. */
static bool slice(Ballonet *s, bool in_kick)
{
    int64_t t0 = get_clock(), deadline = t0 + BALLOON_SLICE_NS;
    bool done = false;

    balloon_ram_begin(&s->ram);
    do {
        if (!balloon_pfns_deflate(s, deadline)) {
            break;
        }
        balloon_pfns_gather(s, GATHER_PFNS, deadline);
        balloon_ops_gather(s, GATHER_PFNS, deadline);
        if (in_kick && !brief(s)) {
            break;
        }
        if (balloon_reclaim_run(s, deadline)) {
            balloon_pfns_answer(s);
            balloon_ops_answer(s);
            done = idle(s);
        }
    } while (!done && get_clock() < deadline);
    balloon_pfns_notify(s);
    balloon_ops_notify(s);
    trace_ballonet_slice(s->pfns.nheld + s->ops.nheld, s->pfns.gathered + s->ops.entered, done,
                          get_clock() - t0);
    return done;
}

/*
 * All is done: either the poll looks for the next buffer, or the driver tells
 * of it.  Switched on anew each time: in a packed ring that has been on and off
 * once, the driver tells of one descriptor only, and taking buffers from the
 * ring does not move that on.
 */
static void rest(Ballonet *s)
{
    set_busy(s, balloon_ops_queue(s) && balloon_poll_go_on(&s->executor.poll));
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
    s->pfns = (BalloonPfns){ 0 };
    balloon_ops_init(s);
    balloon_poll_init(&s->executor.poll, look, s);
    balloon_reclaim_init(s, bottom_half);
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
    trace_ballonet_drain(s->pfns.nheld + s->ops.nheld);
    balloon_ram_begin(&s->ram);
    balloon_pfns_settle(s);
    balloon_ops_settle(s, deadline);
    /*
     * What time does not suffice for stays fresh in the ledger and is given
     * back when the VM goes on; its buffers need not wait for that.
     */
    while (balloon_pfns_deflate(s, deadline) && !balloon_reclaim_run(s, deadline) &&
           get_clock() < deadline) {
        continue;
    }
    balloon_pfns_answer_settled(s);
    balloon_ops_answer(s);
    balloon_ops_notify(s);
    set_busy(s, false);
}

void balloon_executor_reset(Ballonet *s)
{
    BalloonExecutor *ex = &s->executor;

    trace_ballonet_reset(balloon_zones_in(&s->ram.zones));
    qemu_bh_cancel(ex->bh);
    balloon_poll_stop(&ex->poll);
    balloon_ops_forget(s);
    balloon_pfns_forget(s);
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
