/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ops queue, see ops.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "backing.h"
#include "balloon.h"
#include "trace.h"

#define OP_BYTES sizeof(struct virtio_balloon_op)

VirtQueue *balloon_ops_queue(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    int index = role_ops_queue(vdev->guest_features);

    return index < 0 ? NULL : virtio_get_queue(vdev, index);
}

/* Bytes best given back together (page-ops.md 3). */
void balloon_ops_look(Ballonet *s)
{
    uint64_t backing = balloon_backing().block;

    s->ops.block_size = MIN(MAX(backing, s->discard_granularity), UINT32_C(1) << 31);
    trace_ballonet_block_size(s->ops.block_size, backing, s->discard_granularity);
}

void balloon_ops_init(Ballonet *s)
{
    s->ops = (BalloonOps){ 0 };
    balloon_ops_look(s);
}

/* Takes the next buffer.  Return: false where there is none. */
static bool next(Ballonet *s)
{
    BalloonOps *o = &s->ops;
    VirtQueueElement *elem = virtqueue_pop(o->vq, sizeof(VirtQueueElement));
    uint64_t readable, writable;

    if (!elem) {
        return false;
    }
    balloon_poll_found(&s->executor.poll);
    readable = iov_size(elem->out_sg, elem->out_num);
    writable = iov_size(elem->in_sg, elem->in_num);
    o->shape = oprequest_shape(readable, writable, &o->n);
    trace_ballonet_ops_buffer(readable, writable, o->n, o->shape);
    if (o->shape != OP_SHAPE_GOOD) {
        s->count.rejected_buffers++;
    }
    if (o->shape == OP_SHAPE_NO_ROOM) {
        /* What came before is answered as if this one had not come. */
        balloon_ops_answer(s);
        balloon_ops_notify(s);
        balloon_queue_forget(o->vq, elem);
        virtio_error(VIRTIO_DEVICE(s), "balloon: no room for the status of page operations");
        return false;
    }
    o->elem = elem;
    o->raw = g_malloc(o->n * OP_BYTES);
    iov_to_buf(elem->out_sg, elem->out_num, 0, o->raw, o->n * OP_BYTES);
    o->done = MIN(o->resume, o->n);
    o->resume = 0;
    o->working = false;
    return true;
}

static void let_go(BalloonOps *o)
{
    o->elem = NULL;
    g_free(o->raw);
    o->raw = NULL;
}

static void finish(Ballonet *s, uint32_t status)
{
    BalloonOps *o = &s->ops;

    trace_ballonet_ops_done(status, o->done);
    if (status != VIRTIO_BALLOON_OPS_OK) {
        s->count.ops_refused[status]++;
    }
    o->held[o->nheld++] =
        (BalloonOpsAnswer){ .elem = o->elem, .status = status, .index = o->done };
    let_go(o);
}

/* One step of the buffer at hand. */
static void step(Ballonet *s)
{
    BalloonOps *o = &s->ops;
    BalloonOpWork *w = &o->work;

    if (o->done == o->n) {
        finish(s, o->shape == OP_SHAPE_GOOD ? VIRTIO_BALLOON_OPS_OK
                                            : VIRTIO_BALLOON_OPS_MALFORMED);
        return;
    }
    if (!o->working) {
        balloon_opwork_begin(w, o->raw + o->done * OP_BYTES);
        o->working = true;
    }
    if (!balloon_opwork_step(w, &s->ram)) {
        return;
    }
    o->working = false;
    trace_ballonet_op(w->op.type, w->op.leave.pfn, w->op.enter.pfn,
                      MAX(w->op.leave.n, w->op.enter.n), w->status);
    if (w->status != VIRTIO_BALLOON_OPS_OK) {
        finish(s, w->status);
        return;
    }
    s->count.ops_done[w->op.type]++;
    o->entered += w->op.enter.n;
    o->done++;
}

void balloon_ops_gather(Ballonet *s, uint64_t limit, int64_t deadline)
{
    BalloonOps *o = &s->ops;

    if (!o->elem && !o->nheld) {
        o->vq = balloon_ops_queue(s);
    }
    while (o->vq && o->nheld < ARRAY_SIZE(o->held) && o->entered < limit &&
           (o->elem || next(s))) {
        step(s);
        if (get_clock() >= deadline) {
            break;
        }
    }
}

void balloon_ops_answer(Ballonet *s)
{
    BalloonOps *o = &s->ops;
    MemReentrancyGuard *guard = &qdev_get_parent_bus(DEVICE(s))->parent->mem_reentrancy_guard;
    bool engaged = guard->engaged_in_io;

    /*
     * A guest may have the status written onto our own registers, where it would be
     * a reset in the middle of this.  Not everyone who calls us is guarded: timers
     * and a stop of the VM are not.
     */
    guard->engaged_in_io = true;
    for (unsigned i = 0; i < o->nheld; i++) {
        BalloonOpsAnswer *a = &o->held[i];
        struct virtio_balloon_ops_status status = {
            .status = cpu_to_le32(a->status),
            .index = cpu_to_le32(a->index),
        };

        iov_from_buf(a->elem->in_sg, a->elem->in_num, 0, &status, sizeof(status));
        virtqueue_push(o->vq, a->elem, sizeof(status));
        g_free(a->elem);
    }
    guard->engaged_in_io = engaged;
    o->answered |= o->nheld > 0;
    o->nheld = 0;
    o->entered = 0;
}

void balloon_ops_notify(Ballonet *s)
{
    if (s->ops.answered) {
        s->ops.answered = false;
        virtio_notify(VIRTIO_DEVICE(s), s->ops.vq);
    }
}

void balloon_ops_resume(Ballonet *s)
{
    if (s->ops.moved) {
        s->ops.moved = false;
        virtio_notify_config(VIRTIO_DEVICE(s));
    }
}

bool balloon_ops_idle(Ballonet *s)
{
    VirtQueue *vq = balloon_ops_queue(s);

    return !s->ops.elem && !s->ops.nheld && (!vq || virtio_queue_empty(vq));
}

void balloon_ops_settle(Ballonet *s, int64_t deadline)
{
    BalloonOps *o = &s->ops;

    /* An operation that has begun to change things is done as a whole. */
    while (o->elem && (get_clock() < deadline || (o->working && o->work.changing))) {
        step(s);
    }
    if (o->elem) {
        trace_ballonet_ops_put_back(o->done, o->n);
        o->resume = o->done;
        virtqueue_unpop(o->vq, o->elem, 0);
        g_free(o->elem);
        let_go(o);
    }
}

void balloon_ops_forget(Ballonet *s)
{
    BalloonOps *o = &s->ops;

    while (o->nheld) {
        balloon_queue_forget(o->vq, o->held[--o->nheld].elem);
    }
    if (o->elem) {
        balloon_queue_forget(o->vq, o->elem);
        let_go(o);
    }
    o->answered = false;
    o->entered = 0;
    o->resume = 0;
    o->working = false;
}
