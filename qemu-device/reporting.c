/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page reporting, see reporting.h.  Same slices as the executor's, but
 * its own bottom half: the two share no order.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "balloon.h"
#include "trace.h"

/* On a stop: the longest wait for a buffer half done, before it is put back. */
#define DRAIN_NS (50 * SCALE_MS)

/*
 * A guest that poisons free pages finds zeroes where its pattern was, so its
 * pages must keep what they hold (5.5.6.7.2).
 */
static bool may_discard(Ballonet *s)
{
    return !s->poison_val && !balloon_ram_inhibited();
}

/* One discard of the buffer at hand.  Return: false at its end. */
static bool step(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;
    BalloonReported got = { 0 };
    struct iovec *part;
    int64_t t0 = get_clock();

    while (r->part < r->elem->in_num && r->done >= r->elem->in_sg[r->part].iov_len) {
        r->part++;
        r->done = 0;
    }
    if (r->part >= r->elem->in_num || !may_discard(s)) {
        return false;
    }
    part = &r->elem->in_sg[r->part];
    balloon_ram_report(&s->ram, (uint8_t *)part->iov_base + r->done, part->iov_len - r->done,
                       s->reclaim.step, &got);
    r->done += got.passed;
    if (got.rejected) {
        s->count.rejected_pfns += DIV_ROUND_UP(got.passed, VIRTIO_BALLOON_PFN_SIZE);
        trace_virtio_balloon_bad_addr(r->elem->in_addr[r->part]);
    } else if (got.given.discards || got.given.refused) {
        balloon_reclaim_account(s, &got.given, get_clock() - t0);
        s->count.reported_bytes += got.given.bytes;
    }
    return true;
}

static bool next(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;

    r->part = 0;
    r->done = 0;
    r->elem = virtqueue_pop(r->vq, sizeof(VirtQueueElement));
    if (!r->elem) {
        return false;
    }
    trace_ballonet_report(r->elem->in_num, r->elem->out_num, may_discard(s));
    if (!r->elem->in_num || r->elem->out_num) {
        s->count.rejected_buffers++;
    }
    return true;
}

static void push(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;

    /* Length 0: nothing was written, so nothing is marked dirty for a migration. */
    virtqueue_push(r->vq, r->elem, 0);
    virtio_notify(VIRTIO_DEVICE(s), r->vq);
    g_free(r->elem);
    r->elem = NULL;
}

/* Return: whether all that was queued is done; false where time ran out. */
static bool slice(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;
    int64_t deadline = get_clock() + BALLOON_SLICE_NS;

    while (r->elem || next(s)) {
        if (!step(s)) {
            push(s);
        }
        if (get_clock() >= deadline) {
            return false;
        }
    }
    return true;
}

static void run(void *opaque)
{
    Ballonet *s = opaque;
    BalloonReporting *r = &s->reporting;
    bool done;

    if (!r->vq || !VIRTIO_DEVICE(s)->vm_running) {
        return;
    }
    done = slice(s);
    if (done) {
        /* Anew each time, see the executor's rest(). */
        virtio_queue_set_notification(r->vq, 1);
        r->busy = false;
        done = virtio_queue_empty(r->vq);
    }
    if (!done) {
        virtio_queue_set_notification(r->vq, 0);
        r->busy = true;
        qemu_bh_schedule(r->bh);
    }
}

void balloon_reporting_kick(Ballonet *s, VirtQueue *vq)
{
    if (!s->reporting.busy) {
        s->reporting.vq = vq;
        run(s);
    }
}

void balloon_reporting_resume(Ballonet *s, VirtQueue *vq)
{
    /* A driver may change its mind about numbers; what is popped goes back where it came from. */
    if (!s->reporting.busy) {
        s->reporting.vq = vq;
    }
    qemu_bh_schedule(s->reporting.bh);
}

void balloon_reporting_drain(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;
    int64_t deadline = get_clock() + DRAIN_NS;

    qemu_bh_cancel(r->bh);
    while (r->elem && get_clock() < deadline) {
        if (!step(s)) {
            push(s);
        }
    }
    if (r->elem) {
        virtqueue_unpop(r->vq, r->elem, 0);
        g_free(r->elem);
        r->elem = NULL;
    }
    if (r->busy) {
        virtio_queue_set_notification(r->vq, 1);
        r->busy = false;
    }
}

void balloon_reporting_reset(Ballonet *s)
{
    BalloonReporting *r = &s->reporting;

    qemu_bh_cancel(r->bh);
    if (r->elem) {
        balloon_queue_forget(r->vq, r->elem);
        r->elem = NULL;
    }
    r->vq = NULL;
    r->busy = false;
}

void balloon_reporting_init(Ballonet *s)
{
    s->reporting.bh = virtio_bh_new_guarded(DEVICE(s), run, s);
}

void balloon_reporting_fini(Ballonet *s)
{
    balloon_reporting_reset(s);
    qemu_bh_delete(s->reporting.bh);
}
