/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine, see engine.h for the order it keeps.  It owns the jobs and the
 * times at which work is done; memory is discarded by reclaim.c, rings are
 * reached through ring.c.
 *
 * A lone small buffer is done at once in the thread that kicked, as its
 * driver waits for it and a bottom half would only add a switch of threads.
 * All else is gathered from many buffers into one plan and done in bottom
 * halves of the main loop, so that the guest runs on beside it.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/units.h"
#include "balloon.h"
#include "hold.h"
#include "trace.h"

/* How long the main loop or a vCPU is held at a time; one discard (reclaim.c) may come on top. */
#define SLICE_NS (3 * SCALE_MS / 4)

/*
 * Pages gathered before their buffers are answered: enough for long extents,
 * little enough that what the guest has handed over does not stay with it.
 */
#define GATHER_PFNS (64 * MiB / VIRTIO_BALLOON_PFN_SIZE)

/* Pieces of guest memory mapped at a time: a stop or a reset unmaps all of them at once. */
#define SEGMENTS_MAX 8192

/* What may be done in the kicking thread: two of Linux' arrays. */
#define INLINE_PFNS 512

/*
 * The time between two looks at the rings: half of the time for which nothing
 * was found, so that a buffer waits little compared with what its driver takes
 * to make one, and the main loop is not woken for nothing too often.
 */
#define POLL_MIN_NS (SCALE_MS / 2)
#define POLL_MAX_NS (4 * SCALE_MS)

/*
 * How long to look on in vain: longer than a guest takes for the next request
 * (some 25 ms for 20 MiB that it zeroes with an emulated processor, and more
 * on a busy host).
 */
#define POLL_QUIET_NS (100 * SCALE_MS)

/* What a slice goes by: it is over when its time is, or when the rings were revoked. */
typedef struct Slice {
    int64_t deadline; /* get_clock() */
    uint32_t epoch;
} Slice;

static bool is_revoked(const Ballonet *s, const Slice *slice)
{
    return s->epoch != slice->epoch;
}

static bool is_over(const Ballonet *s, const Slice *slice)
{
    return is_revoked(s, slice) || get_clock() >= slice->deadline;
}

/* In the order in which work is looked for. */
static const BalloonQueue queues[] = {
    BALLOON_QUEUE_DEFLATE,
    BALLOON_QUEUE_REPORTING,
    BALLOON_QUEUE_INFLATE,
    BALLOON_QUEUE_OPS,
};

/* Applies @job one step further.  Return: whether it is applied. */
static bool step(Ballonet *s, BalloonJob *job)
{
    uint64_t before = job->entered;
    bool done = balloon_job_step(s, job);

    s->engine.gathered += job->entered - before;
    return done;
}

/* Return: the next job of @queue, NULL where there is none. */
static BalloonJob *take(Ballonet *s, BalloonQueue queue)
{
    VirtQueue *vq = balloon_virtqueue(s, queue);
    BalloonJob *job = vq ? balloon_ring_pop(s, vq, sizeof(BalloonJob)) : NULL;

    if (!job) {
        return NULL;
    }
    job->vq = vq;
    s->engine.segments += balloon_ring_segments(job);
    balloon_job_begin(s, job, queue);
    if (queue == BALLOON_QUEUE_OPS) {
        s->engine.found = get_clock();
        job->done = MIN(s->engine.resume, job->units);
        s->engine.resume = 0;
    } else {
        job->counted = MIN(s->engine.reread[queue], job->units);
        s->engine.reread[queue] -= job->counted;
    }
    return job;
}

/*
 * Answers @job, of which the caller has left nothing in the engine's state.
 * Return: whether that state is still what it was.
 */
static bool complete(Ballonet *s, BalloonJob *job)
{
    BalloonQueue queue = job->queue;
    unsigned written = 0;

    s->engine.segments -= balloon_ring_segments(job);
    s->engine.answered |= UINT32_C(1) << queue;
    if (queue == BALLOON_QUEUE_OPS) {
        struct virtio_balloon_ops_status status = {
            .status = cpu_to_le32(job->status),
            .index = cpu_to_le32(job->done),
        };

        trace_ballonet_ops_done(job->status, job->done);
        written = iov_from_buf(job->elem.in_sg, job->elem.in_num, 0, &status, sizeof(status));
    } else {
        trace_ballonet_buffer_done(queue);
    }
    return balloon_ring_push(s, job->vq, job, written);
}

static BalloonJob *take_first(BalloonJobs *jobs)
{
    BalloonJob *job = QSIMPLEQ_FIRST(jobs);

    if (job) {
        QSIMPLEQ_REMOVE_HEAD(jobs, next);
    }
    return job;
}

/* Return: whether all that is settled was answered. */
static bool complete_settled(Ballonet *s, const Slice *slice)
{
    BalloonJob *job;

    while ((job = take_first(&s->engine.settled))) {
        s->engine.njobs--;
        if (!complete(s, job) || is_over(s, slice)) {
            break;
        }
    }
    return !job;
}

/* Nothing more can be discarded for the jobs that are applied: they are to be answered. */
static void settle(Ballonet *s)
{
    balloon_reclaim_settle(s);
    QSIMPLEQ_CONCAT(&s->engine.settled, &s->engine.applied);
    s->engine.gathered = 0;
    if (s->reclaim.uninhibited) {
        /* Whoever inhibited discards may have populated what had gone back before. */
        s->reclaim.uninhibited = false;
        balloon_residency_sweep_now(s);
    } else if (balloon_ram_inflated(&s->ram)) {
        balloon_residency_watch(s);
    }
}

static bool interrupt(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        uint32_t bit = UINT32_C(1) << queues[i];

        if (e->answered & bit) {
            VirtQueue *vq = balloon_virtqueue(s, queues[i]);

            e->answered &= ~bit;
            if (vq && !balloon_ring_notify(s, vq)) {
                return false;
            }
        }
    }
    return true;
}

/* No answer is possible to @job; what came before it is answered as if it had not come. */
static void refuse_ops(Ballonet *s, BalloonJob *job)
{
    Slice slice = { .deadline = INT64_MAX, .epoch = s->epoch };

    s->engine.segments -= balloon_ring_segments(job);
    balloon_ring_forget(job->vq, job);
    settle(s);
    if (complete_settled(s, &slice) && interrupt(s)) {
        balloon_ring_error(s, "balloon: no room for the status of page operations");
    }
    balloon_ring_revoke(s); /* the device is broken until it is reset */
}

static bool waits_for_discards(BalloonQueue queue)
{
    return queue == BALLOON_QUEUE_INFLATE || queue == BALLOON_QUEUE_OPS;
}

static bool has_room(const BalloonEngine *e)
{
    return e->njobs < BALLOON_QUEUE_SIZE && e->gathered < GATHER_PFNS &&
           e->segments < SEGMENTS_MAX;
}

/*
 * Applies the buffers of @queue, one step at least, until there is none, the
 * engine holds as much as it may, or the slice is over.
 */
static void apply(Ballonet *s, BalloonQueue queue, const Slice *slice)
{
    BalloonEngine *e = &s->engine;

    while (!waits_for_discards(queue) || has_room(e)) {
        BalloonJob *job = e->current[queue];

        if (!job) {
            job = take(s, queue);
            if (!job) {
                return;
            }
            if (queue == BALLOON_QUEUE_OPS && job->shape == REQUEST_OPS_NO_STATUS) {
                refuse_ops(s, job);
                return;
            }
            e->current[queue] = job;
        }
        if (step(s, job)) {
            e->current[queue] = NULL;
            if (waits_for_discards(queue)) {
                QSIMPLEQ_INSERT_TAIL(&e->applied, job, next);
                e->njobs++;
            } else if (!complete(s, job)) {
                return;
            }
        }
        if (is_over(s, slice)) {
            return;
        }
    }
}

static bool is_idle(Ballonet *s)
{
    const BalloonEngine *e = &s->engine;

    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        VirtQueue *vq = balloon_virtqueue(s, queues[i]);

        if (e->current[queues[i]] || (vq && !virtio_queue_empty(vq))) {
            return false;
        }
    }
    return !e->njobs;
}

/* Whether a lone small buffer was found: its driver waits for it. */
static bool is_brief(const BalloonEngine *e)
{
    return !e->current[BALLOON_QUEUE_INFLATE] && !e->current[BALLOON_QUEUE_OPS] &&
           e->njobs <= 1 && e->gathered <= INLINE_PFNS;
}

/* With record and replay what the guest sees must not depend on the host's clock. */
static bool is_replayed(void)
{
    return replay_mode != REPLAY_MODE_NONE;
}

/* One slice.  Return: whether all is done. */
static bool work(Ballonet *s, bool in_kick)
{
    BalloonEngine *e = &s->engine;
    bool traced = trace_event_get_state_backends(TRACE_BALLONET_SLICE);
    int64_t t0 = get_clock(), cpu0 = traced ? balloon_cpu_ns() : 0;
    Slice slice = { .deadline = is_replayed() ? INT64_MAX : t0 + SLICE_NS, .epoch = s->epoch };
    /* Reports have half of it: they discard on their own, and must not hold up the balloon. */
    Slice half = { .deadline = slice.deadline - SLICE_NS / 2, .epoch = s->epoch };
    bool done = false;

    do {
        if (!complete_settled(s, &slice)) {
            break;
        }
        apply(s, BALLOON_QUEUE_DEFLATE, &slice);
        if (is_over(s, &slice)) {
            break;
        }
        apply(s, BALLOON_QUEUE_REPORTING, &half);
        if (is_revoked(s, &slice)) {
            break;
        }
        apply(s, BALLOON_QUEUE_INFLATE, &slice);
        if (is_revoked(s, &slice)) {
            break;
        }
        apply(s, BALLOON_QUEUE_OPS, &slice);
        if (is_over(s, &slice) || (in_kick && !is_replayed() && !is_brief(e))) {
            break;
        }
        if (balloon_reclaim_run(s, slice.deadline)) {
            settle(s);
            done = complete_settled(s, &slice) && is_idle(s);
        }
    } while (!done && !is_over(s, &slice));
    if (!is_revoked(s, &slice)) {
        if (traced) {
            trace_ballonet_slice(e->njobs, e->gathered, done, balloon_cpu_ns() - cpu0,
                                 get_clock() - t0);
        }
        /*
         * Last before the BQL is dropped: a vCPU that reads the interrupt
         * status waits for that lock.
         */
        interrupt(s);
    }
    return done && !is_revoked(s, &slice);
}

/*
 * Whether a timer goes on looking for the next buffer, so that the driver need
 * not notify us of it.  A guest that shrinks sends a buffer every few
 * milliseconds; each notification would stop its processor.  Only with page
 * ops, whose drivers do not wait for one buffer before they send the next: for
 * others each look would be a delay.
 */
static bool poll_on(Ballonet *s)
{
    BalloonEngine *e = &s->engine;
    int64_t quiet = get_clock() - e->found;

    if (!e->found || quiet > POLL_QUIET_NS || is_replayed() || !balloon_has_page_ops(s)) {
        return false;
    }
    timer_mod(e->poll, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                           MIN(MAX(quiet / 2, POLL_MIN_NS), POLL_MAX_NS));
    return true;
}

/*
 * Switches notifications.  On: anew each time, because in a packed ring that
 * was off once the driver tells of one descriptor only, and taking buffers from
 * the ring does not move that on.
 * Return: whether the engine's state is still what it was.
 */
static bool want_kicks(Ballonet *s, bool want, bool reports)
{
    s->engine.kicks_off = !want || !reports;
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        VirtQueue *vq = balloon_virtqueue(s, queues[i]);
        bool on = queues[i] == BALLOON_QUEUE_REPORTING ? reports : want;

        if (vq && !balloon_ring_want_kicks(s, vq, on)) {
            return false;
        }
    }
    return true;
}

/* All is done for now.  Return: whether it still is once we are notified of the next buffer. */
static bool rest(Ballonet *s)
{
    bool polling = poll_on(s);

    return want_kicks(s, !polling, true) && (polling || is_idle(s));
}

static void run(Ballonet *s, bool in_kick)
{
    BalloonEngine *e = &s->engine;

    if (e->running || !balloon_driver_is_up(s)) {
        return;
    }
    e->running = true;
    if (!(work(s, in_kick) && rest(s)) && e->bh && balloon_driver_is_up(s) &&
        want_kicks(s, false, false)) {
        balloon_engine_wake(s);
    }
    e->running = false;
}

static void bottom_half(void *opaque)
{
    Ballonet *s = opaque;
    BalloonHold hold = balloon_hold_begin();

    s->engine.scheduled = false;
    run(s, false);
    balloon_hold_end(hold, "slice");
}

static void look(void *opaque)
{
    BalloonHold hold = balloon_hold_begin();

    run(opaque, false);
    balloon_hold_end(hold, "look");
}

static void sweep(void *opaque)
{
    BalloonHold hold = balloon_hold_begin();

    if (balloon_residency_step(opaque)) {
        balloon_engine_wake(opaque);
    }
    balloon_hold_end(hold, "sweep");
}

void balloon_engine_wake(Ballonet *s)
{
    if (s->engine.bh) {
        s->engine.scheduled = true;
        qemu_bh_schedule(s->engine.bh);
    }
}

void balloon_engine_kick(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    if (e->running || e->scheduled) {
        return;
    }
    if (balloon_driver_is_up(s)) {
        run(s, true);
    } else {
        balloon_engine_wake(s); /* a legacy driver is up by its first kick, after this */
    }
}

void balloon_engine_halt(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    balloon_ring_revoke(s);
    qemu_bh_cancel(e->bh);
    timer_del(e->poll);
    e->scheduled = false;
    e->found = 0;
}

/* Takes jobs out of @jobs, in order: those of @vq, or of all queues where it is NULL. */
static void forget_jobs(Ballonet *s, BalloonJobs *jobs, VirtQueue *vq)
{
    BalloonJobs kept = QSIMPLEQ_HEAD_INITIALIZER(kept);
    BalloonJob *job;

    while ((job = take_first(jobs))) {
        if (vq && job->vq != vq) {
            QSIMPLEQ_INSERT_TAIL(&kept, job, next);
            continue;
        }
        s->engine.njobs--;
        s->engine.segments -= balloon_ring_segments(job);
        balloon_ring_forget(job->vq, job);
    }
    QSIMPLEQ_CONCAT(jobs, &kept);
}

/* Return: whether there were any. */
static bool forget(Ballonet *s, VirtQueue *vq)
{
    BalloonEngine *e = &s->engine;
    unsigned before = e->segments;

    forget_jobs(s, &e->applied, vq);
    forget_jobs(s, &e->settled, vq);
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        BalloonJob *job = e->current[queues[i]];

        if (job && (!vq || job->vq == vq)) {
            e->current[queues[i]] = NULL;
            e->segments -= balloon_ring_segments(job);
            balloon_ring_forget(job->vq, job);
        }
    }
    return e->segments < before;
}

static void rewind_job(Ballonet *s, BalloonJob *job)
{
    s->engine.segments -= balloon_ring_segments(job);
    s->engine.reread[job->queue] += job->done;
    trace_ballonet_buffer_rewound(job->queue, job->done, job->units);
    balloon_ring_rewind(job->vq, job);
}

/*
 * Puts PFN buffers and reports back to be read again from their start, which
 * changes nothing that they have done.  Page operations are not done twice:
 * the buffers that are through stay to be answered, and of the one at hand it
 * is noted how many of its operations are done.
 */
static void rewind_all(Ballonet *s)
{
    BalloonEngine *e = &s->engine;
    BalloonJobs kept = QSIMPLEQ_HEAD_INITIALIZER(kept);
    BalloonJob *job = e->current[BALLOON_QUEUE_OPS];

    /* An operation that has begun to change things is done as a whole. */
    while (job && job->phase == BALLOON_OP_CHANGE) {
        if (step(s, job)) {
            e->current[BALLOON_QUEUE_OPS] = NULL;
            QSIMPLEQ_INSERT_TAIL(&e->applied, job, next);
            e->njobs++;
            job = NULL;
        }
    }
    if (job) {
        e->resume = job->done;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        if (e->current[queues[i]]) {
            rewind_job(s, e->current[queues[i]]);
            e->current[queues[i]] = NULL;
        }
    }
    QSIMPLEQ_CONCAT(&e->settled, &e->applied);
    while ((job = take_first(&e->settled))) {
        if (job->queue == BALLOON_QUEUE_OPS) {
            QSIMPLEQ_INSERT_TAIL(&kept, job, next);
        } else {
            e->njobs--;
            rewind_job(s, job);
        }
    }
    QSIMPLEQ_CONCAT(&e->settled, &kept);
    e->gathered = 0;
}

bool balloon_engine_stop(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    Slice slice = { .deadline = INT64_MAX };

    balloon_engine_halt(s);
    slice.epoch = s->epoch;
    if (!virtio_device_started(vdev, vdev->status) || virtio_device_disabled(vdev)) {
        return true; /* nobody waits for an answer; a reset will forget the buffers */
    }
    rewind_all(s);
    if (complete_settled(s, &slice) && interrupt(s) && s->engine.kicks_off) {
        want_kicks(s, true, true);
    }
    return !is_revoked(s, &slice);
}

void balloon_engine_queue_reset(Ballonet *s, VirtQueue *vq)
{
    BalloonEngine *e = &s->engine;
    BalloonQueue queue = balloon_virtqueue_by_number(s, virtio_get_queue_index(vq));

    balloon_ring_revoke(s);
    if (forget(s, vq) && waits_for_discards(queue)) {
        balloon_reclaim_drop(s);
    }
    e->answered &= ~(UINT32_C(1) << queue);
    e->reread[queue] = 0;
    if (queue == BALLOON_QUEUE_OPS) {
        e->resume = 0;
    }
    balloon_engine_wake(s); /* for the buffers of the other queues */
}

void balloon_engine_reset(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    trace_ballonet_reset(balloon_ram_inflated(&s->ram));
    balloon_engine_halt(s);
    forget(s, NULL);
    e->gathered = 0;
    e->answered = 0;
    e->resume = 0;
    e->kicks_off = false;
    memset(e->reread, 0, sizeof(e->reread));
    balloon_ram_clear(&s->ram);
    balloon_residency_reset(s);
}

void balloon_engine_init(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    *e = (BalloonEngine){ 0 };
    balloon_reclaim_init(s, look);
    balloon_residency_init(s, sweep);
    QSIMPLEQ_INIT(&e->applied);
    QSIMPLEQ_INIT(&e->settled);
    e->bh = virtio_bh_new_guarded(DEVICE(s), bottom_half, s);
    /* Real time: the work is the host's, and a test steps the virtual clock. */
    e->poll = timer_new_ns(QEMU_CLOCK_REALTIME, look, s);
}

void balloon_engine_fini(Ballonet *s)
{
    BalloonEngine *e = &s->engine;

    balloon_engine_reset(s);
    qemu_bh_delete(e->bh);
    e->bh = NULL;
    timer_free(e->poll);
    e->poll = NULL;
    balloon_residency_fini(s);
    balloon_reclaim_fini(s);
}
