/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a job does, step by step, see job.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/units.h"
#include "hw/virtio/virtio-access.h"
#include "balloon.h"
#include "trace.h"

/* PFNs in one step; in the worst case each of them is in another part of the memory map. */
#define STEP_PFNS 256

/* Pages of an operation in one step; the ledgers take some microseconds for them. */
#define STEP_PAGES (8 * GiB / VIRTIO_BALLOON_PFN_SIZE)

static void begin_pfns(Ballonet *s, BalloonJob *job)
{
    const VirtQueueElement *elem = &job->elem;
    unsigned wrong = request_pfns_shape(iov_size(elem->out_sg, elem->out_num),
                                        iov_size(elem->in_sg, elem->in_num), &job->units);

    s->count.rejected_buffers += wrong != 0;
    if (balloon_has_page_ops(s)) {
        /* These two queues are closed (page-ops.md 1). */
        s->count.closed_buffers++;
        job->units = 0;
    }
    trace_ballonet_buffer(job->queue == BALLOON_QUEUE_INFLATE ? "inflate" : "deflate", job->units,
                          wrong);
}

/* Return: whether the job is applied. */
static bool step_pfns(Ballonet *s, BalloonJob *job)
{
    uint8_t raw[STEP_PFNS * REQUEST_PFN_BYTES];
    BalloonExtent extent[STEP_PFNS];
    BalloonTally tally = { 0 };
    size_t n = MIN(job->units - job->done, STEP_PFNS), extents;

    /*
     * The guest may change the array while we read it: from here on there is
     * one copy, and it is ours.
     */
    iov_to_buf(job->elem.out_sg, job->elem.out_num, job->done * REQUEST_PFN_BYTES, raw,
               n * REQUEST_PFN_BYTES);
    extents = request_pfns_decode(raw, n, virtio_access_is_big_endian(VIRTIO_DEVICE(s)), extent);
    for (size_t i = 0; i < extents; i++) {
        if (job->queue == BALLOON_QUEUE_INFLATE) {
            balloon_ram_inflate(&s->ram, extent[i], &tally);
        } else {
            balloon_ram_deflate(&s->ram, extent[i], &tally);
        }
    }
    if (job->queue == BALLOON_QUEUE_INFLATE) {
        job->entered += n;
    }
    if (job->done >= job->counted) {
        *(job->queue == BALLOON_QUEUE_INFLATE ? &s->count.repeated_pfns
                                              : &s->count.stray_pfns) += tally.repeated;
        s->count.rejected_pfns += tally.rejected;
    }
    job->done += n;
    return job->done == job->units;
}

static void begin_ops(Ballonet *s, BalloonJob *job)
{
    const VirtQueueElement *elem = &job->elem;
    uint64_t readable = iov_size(elem->out_sg, elem->out_num);
    uint64_t writable = iov_size(elem->in_sg, elem->in_num);
    uint32_t ops;

    job->shape = request_ops_shape(readable, writable, &ops);
    job->status = VIRTIO_BALLOON_OPS_OK;
    job->phase = BALLOON_OP_NEXT;
    job->units = ops;
    s->count.rejected_buffers += job->shape != REQUEST_OPS_GOOD;
    trace_ballonet_ops_buffer(readable, writable, ops, job->shape);
}

/* What is next of the pages that leave, then of those that enter; n is 0 at the end. */
static BalloonExtent next_piece(const BalloonJob *job, bool *enters)
{
    BalloonExtent leave = job->op.leave, enter = job->op.enter;

    *enters = job->passed >= leave.n;
    if (*enters) {
        uint64_t at = job->passed - leave.n;

        return (BalloonExtent){ .pfn = enter.pfn + at, .n = MIN(STEP_PAGES, enter.n - at) };
    }
    return (BalloonExtent){ .pfn = leave.pfn + job->passed,
                            .n = MIN(STEP_PAGES, leave.n - job->passed) };
}

static void check_piece(Ballonet *s, BalloonJob *job, BalloonExtent piece, bool enters)
{
    switch (balloon_ram_state(&s->ram, piece, !enters)) {
    case BALLOON_STATE_NOT_RAM:
        job->status = VIRTIO_BALLOON_OPS_NOT_RAM;
        break;
    case BALLOON_STATE_WRONG:
        /* Not the last word: a page that is no RAM goes before it. */
        job->status = VIRTIO_BALLOON_OPS_WRONG_STATE;
        break;
    default:
        break;
    }
}

static void change_piece(Ballonet *s, BalloonJob *job, BalloonExtent piece, bool enters)
{
    BalloonTally ignored = { 0 };

    if (enters) {
        balloon_ram_inflate(&s->ram, piece, &ignored);
        job->entered += piece.n;
    } else {
        balloon_ram_deflate(&s->ram, piece, &ignored);
    }
}

static void read_op(BalloonJob *job)
{
    uint8_t raw[REQUEST_OP_BYTES];

    /* One copy, as in step_pfns(). */
    iov_to_buf(job->elem.out_sg, job->elem.out_num, job->done * sizeof(raw), raw, sizeof(raw));
    if (request_op_decode(raw, &job->op)) {
        job->phase = BALLOON_OP_CHECK;
        job->passed = 0;
    } else {
        job->status = VIRTIO_BALLOON_OPS_MALFORMED;
    }
}

/*
 * The operation at hand has passed a phase.  Return: whether it is settled.
 * Nothing else changes the ledgers between its steps; that memory is unplugged
 * meanwhile does no harm, its pages go with it.
 */
static bool end_phase(BalloonJob *job)
{
    if (job->phase == BALLOON_OP_CHANGE || job->status != VIRTIO_BALLOON_OPS_OK) {
        return true;
    }
    if (job->op.type == VIRTIO_BALLOON_OP_INFLATE && balloon_reclaim_inhibited()) {
        job->status = VIRTIO_BALLOON_OPS_INHIBITED;
        return true;
    }
    job->phase = BALLOON_OP_CHANGE;
    job->passed = 0;
    return false;
}

/* One step of the operation at hand.  Return: whether it is settled. */
static bool step_op(Ballonet *s, BalloonJob *job)
{
    BalloonExtent piece;
    bool enters;

    if (job->phase == BALLOON_OP_NEXT) {
        read_op(job);
        if (job->phase == BALLOON_OP_NEXT) {
            return true;
        }
    }
    piece = next_piece(job, &enters);
    if (!piece.n) {
        return end_phase(job);
    }
    if (job->phase == BALLOON_OP_CHANGE) {
        change_piece(s, job, piece, enters);
    } else {
        check_piece(s, job, piece, enters);
    }
    job->passed += piece.n;
    return job->status == VIRTIO_BALLOON_OPS_NOT_RAM;
}

/* Return: whether the job is applied. */
static bool step_ops(Ballonet *s, BalloonJob *job)
{
    const RequestOp *op = &job->op;

    if (job->done < job->units) {
        if (!step_op(s, job)) {
            return false;
        }
        trace_ballonet_op(op->type, op->leave.pfn, op->enter.pfn, MAX(op->leave.n, op->enter.n),
                          job->status);
        job->phase = BALLOON_OP_NEXT;
        if (job->status == VIRTIO_BALLOON_OPS_OK) {
            s->count.ops_done[op->type]++;
            job->done++;
        }
    }
    if (job->status == VIRTIO_BALLOON_OPS_OK && job->done < job->units) {
        return false;
    }
    if (job->status == VIRTIO_BALLOON_OPS_OK && job->shape != REQUEST_OPS_GOOD) {
        job->status = VIRTIO_BALLOON_OPS_MALFORMED;
    }
    if (job->status != VIRTIO_BALLOON_OPS_OK) {
        s->count.ops_refused[job->status]++;
    }
    return true;
}

/* Return: whether the job is applied. */
static bool step_report(Ballonet *s, BalloonJob *job)
{
    if (job->done < job->units) {
        job->part_bytes = balloon_reporting_step(s, &job->elem, job->done, job->part_bytes);
        if (job->part_bytes == job->elem.in_sg[job->done].iov_len) {
            job->part_bytes = 0;
            job->done++;
        }
    }
    return job->done == job->units;
}

void balloon_job_begin(Ballonet *s, BalloonJob *job, BalloonQueue queue)
{
    job->queue = queue;
    job->done = 0;
    job->counted = 0;
    job->entered = 0;
    switch (queue) {
    case BALLOON_QUEUE_OPS:
        begin_ops(s, job);
        break;
    case BALLOON_QUEUE_REPORTING:
        job->units = job->elem.in_num;
        job->part_bytes = 0;
        balloon_reporting_begin(s, &job->elem);
        break;
    default:
        begin_pfns(s, job);
    }
}

bool balloon_job_step(Ballonet *s, BalloonJob *job)
{
    switch (job->queue) {
    case BALLOON_QUEUE_OPS:
        return step_ops(s, job);
    case BALLOON_QUEUE_REPORTING:
        return step_report(s, job);
    default:
        return step_pfns(s, job);
    }
}
