/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page hinting: the protocol with the driver and with the migration, and
 * the worker that applies hints.
 *
 * A hint must be applied between two syncs of the migration's dirty bitmap,
 * and only while the driver keeps the page: a sync ends the run, and what was
 * hinted under an older one is dropped.  To drop a hint is always right.
 *
 * Thread: work() and apply() run in the I/O thread without the BQL; all else
 * with the BQL held.  Locks in order: BQL, run_lock, list_lock.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "exec/target_page.h"
#include "migration/misc.h"
#include "hw/virtio/virtio-access.h"
#include "balloon.h"
#include "hold.h"
#include "trace.h"

/* Pieces of guest memory that are mapped for the worker at a time. */
#define SEGMENTS_MAX 4096

/* How long buffers are taken, or answered, before others have their turn. */
#define SLICE_NS (1 * SCALE_MS)

/* Jobs done before the I/O thread's other users have their turn. */
#define WORK_MAX 32

static bool negotiated(Ballonet *s)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

/* The worker. */

/*
 * Of memory that its destination shares (x-ignore-shared) the migration has no
 * bitmap, and does not look whether it has.  It gives none up while a run is open.
 */
static bool has_bitmap(void *host)
{
    ram_addr_t offset;
    RAMBlock *rb;

    RCU_READ_LOCK_GUARD();
    rb = qemu_ram_block_from_host(host, false, &offset);
    return rb && rb->bmap;
}

static void apply_part(BalloonHinting *h, const BalloonHintJob *job, unsigned i)
{
    size_t page = MAX(qemu_target_page_size(), VIRTIO_BALLOON_PFN_SIZE);
    uintptr_t host = (uintptr_t)job->elem.in_sg[i].iov_base;
    /* Whole pages alone: the rest of a page hinted in part is in use. */
    uintptr_t start = ROUND_UP(host, page);
    uintptr_t end = QEMU_ALIGN_DOWN(host + job->elem.in_sg[i].iov_len, page);

    QEMU_LOCK_GUARD(&h->run_lock);
    if (!qatomic_read(&h->open) || job->run != h->run) {
        trace_ballonet_hint_stale(job->run, h->run);
    } else if (start < end && has_bitmap((void *)start)) {
        trace_ballonet_hint(job->elem.in_addr[i], end - start);
        qemu_guest_free_page_hint((void *)start, end - start);
    }
}

static BalloonHintJob *first_of(BalloonHintList *list)
{
    BalloonHintJob *job = QSIMPLEQ_FIRST(list);

    if (job) {
        QSIMPLEQ_REMOVE_HEAD(list, next);
    }
    return job;
}

static void work(void *opaque)
{
    Ballonet *s = opaque;
    BalloonHinting *h = &s->hinting;

    for (unsigned n = 0; n < WORK_MAX; n++) {
        BalloonHintJob *job;

        WITH_QEMU_LOCK_GUARD(&h->list_lock) {
            job = first_of(&h->todo);
            h->current = job;
        }
        if (!job) {
            return;
        }
        for (unsigned i = 0; i < job->elem.in_num; i++) {
            apply_part(h, job, i);
        }
        WITH_QEMU_LOCK_GUARD(&h->list_lock) {
            QSIMPLEQ_INSERT_TAIL(&h->done, job, next);
            h->current = NULL;
            qemu_cond_signal(&h->idle);
        }
        qemu_bh_schedule(h->collect_bh);
    }
    qemu_bh_schedule(h->work_bh);
}

/* Hints of @run may be applied from now on. */
static void open_run(BalloonHinting *h, uint32_t run)
{
    QEMU_LOCK_GUARD(&h->run_lock);
    h->run = run;
    qatomic_set(&h->open, true);
}

/* No hint may be applied, and none is being applied any more. */
static void close_run(BalloonHinting *h)
{
    QEMU_LOCK_GUARD(&h->run_lock);
    qatomic_set(&h->open, false);
}

/*
 * Leaves all jobs in the list of those that are done.  The run is closed, so
 * that the worker passes over what is left of its job: the wait is for the one
 * hint that it may be at.
 */
static void stop_worker(BalloonHinting *h)
{
    QEMU_LOCK_GUARD(&h->list_lock);
    QSIMPLEQ_CONCAT(&h->done, &h->todo);
    while (h->current) {
        qemu_cond_wait(&h->idle, &h->list_lock);
    }
}

static void hand_over(BalloonHinting *h, BalloonHintJob *job)
{
    QEMU_LOCK_GUARD(&h->list_lock);
    QSIMPLEQ_INSERT_TAIL(&h->todo, job, next);
}

/* The next job that the worker is through with, @forgotten or not; NULL: there is none. */
static BalloonHintJob *get_back(BalloonHinting *h, bool forgotten)
{
    BalloonHintJob *job;

    QEMU_LOCK_GUARD(&h->list_lock);
    job = QSIMPLEQ_FIRST(&h->done);
    if (!job || job->forgotten != forgotten) {
        return NULL;
    }
    h->with_worker -= balloon_ring_segments(job);
    return first_of(&h->done);
}

/*
 * A hint that was applied while its driver was reset may have cost what the guest
 * wrote to these pages since: they count as written, before the migration looks
 * at its bitmap again.  There is one such job at most, the first of those done.
 */
static void undo_forgotten(BalloonHinting *h)
{
    BalloonHintJob *job = get_back(h, true);

    if (job) {
        trace_ballonet_hint_undone(job->run, iov_size(job->elem.in_sg, job->elem.in_num));
        balloon_ring_forget_written(job->vq, job);
    }
}

/* The protocol. */

uint32_t balloon_hinting_config(const Ballonet *s)
{
    switch (s->hinting.status) {
    case BALLOON_HINT_REQUESTED:
    case BALLOON_HINT_START:
        /* Also while it runs: a driver that looks again must not read STOP. */
        return s->hinting.cmd_id;
    case BALLOON_HINT_DONE:
        return VIRTIO_BALLOON_CMD_ID_DONE;
    default:
        return VIRTIO_BALLOON_CMD_ID_STOP;
    }
}

static void set_status(Ballonet *s, uint32_t status)
{
    if (s->hinting.status != status) {
        trace_ballonet_hint_status(s->hinting.status, status, s->hinting.cmd_id);
        s->hinting.status = status;
        balloon_ring_notify_config(s);
    }
}

/*
 * The driver said @id: it has begun, or has no more to tell.  An id of an earlier
 * run begins nothing; what follows it belongs to that run, so it ends this one.
 */
static void driver_said(Ballonet *s, uint32_t id)
{
    BalloonHinting *h = &s->hinting;

    trace_ballonet_hint_id(id, h->cmd_id, h->status);
    if (h->status == BALLOON_HINT_REQUESTED && id == h->cmd_id) {
        h->status = BALLOON_HINT_START;
        open_run(h, id);
    } else if (h->status == BALLOON_HINT_START && id != h->cmd_id) {
        /* Not told back: the driver knows, and hints under way still hold. */
        h->status = BALLOON_HINT_STOP;
    }
}

static bool answer(Ballonet *s, BalloonHintJob *job)
{
    return balloon_ring_push(s, job->vq, job, 0);
}

/* Return: whether the device's state is still what it was. */
static bool take(Ballonet *s, BalloonHintJob *job)
{
    BalloonHinting *h = &s->hinting;
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    if (job->elem.out_num) {
        uint8_t raw[sizeof(uint32_t)];

        if (iov_to_buf(job->elem.out_sg, job->elem.out_num, 0, raw, sizeof(raw)) != sizeof(raw)) {
            s->count.rejected_buffers++;
            if (answer(s, job)) {
                balloon_ring_error(s, "received an incorrect cmd id");
            }
            return false;
        }
        driver_said(s, virtio_ldl_p(vdev, raw));
    }
    if (job->elem.in_num && h->status == BALLOON_HINT_START) {
        job->run = h->cmd_id;
        h->with_worker += balloon_ring_segments(job);
        hand_over(h, job);
        qemu_bh_schedule(h->work_bh);
        return true;
    }
    return answer(s, job);
}

/* Takes what is queued.  Return: whether the device's state is still what it was. */
static bool take_all(Ballonet *s, VirtQueue *vq, int64_t deadline)
{
    BalloonHinting *h = &s->hinting;
    uint32_t epoch = s->epoch;
    BalloonHintJob *job;
    bool any = false;

    while (h->with_worker < SEGMENTS_MAX &&
           (job = balloon_ring_pop(s, vq, sizeof(BalloonHintJob)))) {
        job->vq = vq;
        job->forgotten = false;
        any = true;
        if (!take(s, job)) {
            return false;
        }
        if (get_clock() >= deadline) {
            qemu_bh_schedule(h->collect_bh);
            break;
        }
    }
    return s->epoch == epoch && (!any || balloon_ring_notify(s, vq));
}

/* Answers what is done.  Return: whether the device's state is still what it was. */
static bool answer_done(Ballonet *s, int64_t deadline)
{
    BalloonHinting *h = &s->hinting;
    BalloonHintJob *job;
    VirtQueue *vq = NULL;

    while ((job = get_back(h, false))) {
        vq = job->vq;
        if (!answer(s, job)) {
            return false;
        }
        if (get_clock() >= deadline) {
            qemu_bh_schedule(h->collect_bh);
            break;
        }
    }
    return !vq || balloon_ring_notify(s, vq);
}

static void run(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    VirtQueue *vq = balloon_virtqueue(s, BALLOON_QUEUE_HINT);
    int64_t deadline = get_clock() + SLICE_NS;

    if (h->running || !balloon_driver_is_up(s)) {
        return;
    }
    h->running = true;
    if (answer_done(s, deadline) && vq) {
        take_all(s, vq, deadline);
    }
    h->running = false;
}

static void collect(void *opaque)
{
    BalloonHold hold = balloon_hold_begin();

    undo_forgotten(&((Ballonet *)opaque)->hinting);
    run(opaque);
    balloon_hold_end(hold, "hints");
}

void balloon_hinting_kick(Ballonet *s)
{
    run(s);
}

static void begin(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;

    h->cmd_id = h->cmd_id == UINT32_MAX ? BALLOON_HINT_ID_FIRST : h->cmd_id + 1;
    h->status = BALLOON_HINT_STOP; /* so that a repeated request is told, too */
    set_status(s, BALLOON_HINT_REQUESTED);
}

/* The migration's steps that matter here are all taken with the BQL held. */
static int migration_step(Ballonet *s, PrecopyNotifyReason reason)
{
    BalloonHinting *h = &s->hinting;

    /*
     * With postcopy the target may ask for a page that was hinted and so is
     * never sent: no hinting where postcopy is possible.
     */
    if (!negotiated(s) || migrate_postcopy_ram()) {
        return 0;
    }
    switch (reason) {
    case PRECOPY_NOTIFY_BEFORE_BITMAP_SYNC:
        close_run(h);
        stop_worker(h);
        undo_forgotten(h);
        qemu_bh_schedule(h->collect_bh);
        set_status(s, BALLOON_HINT_STOP);
        break;
    case PRECOPY_NOTIFY_AFTER_BITMAP_SYNC:
        if (VIRTIO_DEVICE(s)->vm_running) {
            begin(s);
            break;
        }
        /* The last sync: the driver finds DONE when it runs on the target. */
        close_run(h);
        set_status(s, BALLOON_HINT_DONE);
        break;
    case PRECOPY_NOTIFY_CLEANUP:
        /* Also where the migration failed or was cancelled. */
        close_run(h);
        set_status(s, BALLOON_HINT_DONE);
        break;
    default:
        break;
    }
    return 0;
}

BALLONET_PRECOPY_NOTIFY(on_precopy)
{
    return migration_step(container_of(n, Ballonet, hinting.precopy),
                          ((PrecopyNotifyData *)data)->reason);
}

void balloon_hinting_wake(Ballonet *s)
{
    if (s->hinting.collect_bh) {
        qemu_bh_schedule(s->hinting.collect_bh);
    }
}

void balloon_hinting_stop(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    bool open = qatomic_read(&h->open);

    qemu_bh_cancel(h->collect_bh);
    /* Hints that are not applied yet are dropped; the run itself outlives a stop. */
    close_run(h);
    stop_worker(h);
    undo_forgotten(h);
    if (open) {
        open_run(h, h->run);
    }
    answer_done(s, INT64_MAX);
}

void balloon_hinting_reset(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    BalloonHintJob *job;

    qatomic_set(&h->open, false);
    undo_forgotten(h);
    WITH_QEMU_LOCK_GUARD(&h->list_lock) {
        QSIMPLEQ_CONCAT(&h->done, &h->todo);
        if (h->current) {
            /* It may wait for the migration, and that for its target: not waited for. */
            h->current->forgotten = true;
        }
    }
    while ((job = get_back(h, false))) {
        balloon_ring_forget(job->vq, job);
    }
    h->status = BALLOON_HINT_STOP;
}

int balloon_hinting_loaded(Ballonet *s)
{
    return s->hinting.status > BALLOON_HINT_DONE ? -EINVAL : 0;
}

void balloon_hinting_init(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;

    object_ref(OBJECT(s->iothread));
    h->collect_bh = virtio_bh_new_guarded(DEVICE(s), collect, s);
    h->work_bh = aio_bh_new(iothread_get_aio_context(s->iothread), work, s);
    h->precopy.notify = on_precopy;
    precopy_add_notifier(&h->precopy);
}

void balloon_hinting_fini(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;

    precopy_remove_notifier(&h->precopy);
    close_run(h);
    stop_worker(h);
    balloon_hinting_reset(s);
    qemu_bh_delete(h->work_bh);
    /* A worker that still runs finds its list empty; wait until it has looked. */
    ballonet_wait_for_iothread(s->iothread);
    qemu_bh_delete(h->collect_bh);
    h->collect_bh = NULL;
    object_unref(OBJECT(s->iothread));
}

void balloon_hinting_construct(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;

    h->cmd_id = BALLOON_HINT_ID_FIRST;
    qemu_mutex_init(&h->run_lock);
    qemu_mutex_init(&h->list_lock);
    qemu_cond_init(&h->idle);
    QSIMPLEQ_INIT(&h->todo);
    QSIMPLEQ_INIT(&h->done);
}

void balloon_hinting_destruct(Ballonet *s)
{
    qemu_mutex_destroy(&s->hinting.run_lock);
    qemu_mutex_destroy(&s->hinting.list_lock);
    qemu_cond_destroy(&s->hinting.idle);
}
