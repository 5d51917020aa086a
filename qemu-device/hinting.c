/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page hinting: the protocol with the driver and with the migration.
 * The worker and its lists are in hintwork.c.
 *
 * A hint must be applied between two syncs of the migration's dirty bitmap,
 * and only while the driver keeps the page: a sync ends the run, and what was
 * hinted under an older one is dropped.  To drop a hint is always right.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "migration/misc.h"
#include "hw/virtio/virtio-access.h"
#include "balloon.h"
#include "hintwork.h"
#include "trace.h"

/* Buffers popped in one go, and with the worker at a time. */
#define POP_MAX 64
#define AWAY_MAX 256

static bool negotiated(Ballonet *s)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

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
        virtio_notify_config(VIRTIO_DEVICE(s));
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
        balloon_hintwork_open(h, id);
    } else if (h->status == BALLOON_HINT_START && id != h->cmd_id) {
        /* Not told back: the driver knows, and hints under way still hold. */
        h->status = BALLOON_HINT_STOP;
    }
}

static void push(Ballonet *s, BalloonHintJob *job)
{
    virtqueue_push(s->hinting.vq, &job->elem, 0);
    g_free(job);
}

/* Return: false where the device is broken now. */
static bool take(Ballonet *s, BalloonHintJob *job)
{
    BalloonHinting *h = &s->hinting;
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    if (job->elem.out_num) {
        uint8_t raw[sizeof(uint32_t)];

        if (iov_to_buf(job->elem.out_sg, job->elem.out_num, 0, raw, sizeof(raw)) != sizeof(raw)) {
            s->count.rejected_buffers++;
            virtio_error(vdev, "received an incorrect cmd id");
            push(s, job);
            return false;
        }
        driver_said(s, virtio_ldl_p(vdev, raw));
    }
    if (job->elem.in_num && h->status == BALLOON_HINT_START) {
        job->run = h->cmd_id;
        h->away++;
        balloon_hintwork_add(h, job);
    } else {
        push(s, job);
    }
    return true;
}

static void pump(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    unsigned before = h->away, popped = 0;
    BalloonHintJob *job;

    if (!h->vq || !VIRTIO_DEVICE(s)->vm_running) {
        return;
    }
    while (popped < POP_MAX && h->away < AWAY_MAX &&
           (job = virtqueue_pop(h->vq, sizeof(BalloonHintJob)))) {
        popped++;
        if (!take(s, job)) {
            break;
        }
    }
    if (h->away > before) {
        qemu_bh_schedule(h->work_bh);
    }
    if (popped) {
        virtio_notify(VIRTIO_DEVICE(s), h->vq);
    }
    if (popped == POP_MAX) {
        qemu_bh_schedule(h->collect_bh);
    }
}

void balloon_hinting_collect(void *opaque)
{
    Ballonet *s = opaque;
    BalloonHinting *h = &s->hinting;
    BalloonHintJob *job;
    bool any = false;

    while ((job = balloon_hintwork_finished(h))) {
        h->away--;
        push(s, job);
        any = true;
    }
    if (any) {
        virtio_notify(VIRTIO_DEVICE(s), h->vq);
    }
    pump(s);
}

void balloon_hinting_kick(Ballonet *s, VirtQueue *vq)
{
    if (!s->hinting.away) {
        s->hinting.vq = vq;
    }
    pump(s);
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
        balloon_hintwork_close(h);
        set_status(s, BALLOON_HINT_STOP);
        break;
    case PRECOPY_NOTIFY_AFTER_BITMAP_SYNC:
        if (VIRTIO_DEVICE(s)->vm_running) {
            begin(s);
            break;
        }
        /* The last sync: the driver finds DONE when it runs on the target. */
        balloon_hintwork_close(h);
        set_status(s, BALLOON_HINT_DONE);
        break;
    case PRECOPY_NOTIFY_CLEANUP:
        /* Also where the migration failed or was cancelled. */
        balloon_hintwork_close(h);
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

void balloon_hinting_resume(Ballonet *s, VirtQueue *vq)
{
    if (!s->hinting.away) {
        s->hinting.vq = vq;
    }
    qemu_bh_schedule(s->hinting.collect_bh);
}

void balloon_hinting_drain(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    BalloonHintJob *job;

    qemu_bh_cancel(h->collect_bh);
    balloon_hintwork_stop(h);
    while ((job = balloon_hintwork_finished(h))) {
        h->away--;
        push(s, job);
        virtio_notify(VIRTIO_DEVICE(s), h->vq);
    }
}

void balloon_hinting_reset(Ballonet *s)
{
    BalloonHinting *h = &s->hinting;
    BalloonHintJob *job;

    qemu_bh_cancel(h->collect_bh);
    balloon_hintwork_close(h);
    balloon_hintwork_stop(h);
    while ((job = balloon_hintwork_finished(h))) {
        h->away--;
        virtqueue_detach_element(h->vq, &job->elem, 0);
        g_free(job);
    }
    h->vq = NULL;
    h->status = BALLOON_HINT_STOP;
}

int balloon_hinting_loaded(Ballonet *s)
{
    return s->hinting.status > BALLOON_HINT_DONE ? -EINVAL : 0;
}

void balloon_hinting_init(Ballonet *s)
{
    s->hinting.collect_bh = virtio_bh_new_guarded(DEVICE(s), balloon_hinting_collect, s);
    balloon_hintwork_init(s);
    s->hinting.precopy.notify = on_precopy;
    precopy_add_notifier(&s->hinting.precopy);
}

void balloon_hinting_fini(Ballonet *s)
{
    precopy_remove_notifier(&s->hinting.precopy);
    balloon_hinting_reset(s);
    balloon_hintwork_fini(s);
    qemu_bh_delete(s->hinting.collect_bh);
}

void balloon_hinting_construct(Ballonet *s)
{
    s->hinting.cmd_id = BALLOON_HINT_ID_FIRST;
    balloon_hintwork_construct(&s->hinting);
}

void balloon_hinting_destruct(Ballonet *s)
{
    balloon_hintwork_destruct(&s->hinting);
}
