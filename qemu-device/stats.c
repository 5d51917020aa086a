/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory statistics, see stats.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "balloon.h"
#include "hw/virtio/virtio-access.h"
#include "trace.h"

/* Keys of the guest-stats property; the stock device of 7.2 has the first ten, of 10.0 all. */
#define PRIVATE(tag) (VIRTIO_BALLOON_S_NR + (tag) - VIRTIO_BALLOON_S_PRIVATE)
static const char *const tag_name[STATS_NR] = {
    [VIRTIO_BALLOON_S_SWAP_IN] = "stat-swap-in",
    [VIRTIO_BALLOON_S_SWAP_OUT] = "stat-swap-out",
    [VIRTIO_BALLOON_S_MAJFLT] = "stat-major-faults",
    [VIRTIO_BALLOON_S_MINFLT] = "stat-minor-faults",
    [VIRTIO_BALLOON_S_MEMFREE] = "stat-free-memory",
    [VIRTIO_BALLOON_S_MEMTOT] = "stat-total-memory",
    [VIRTIO_BALLOON_S_AVAIL] = "stat-available-memory",
    [VIRTIO_BALLOON_S_CACHES] = "stat-disk-caches",
    [VIRTIO_BALLOON_S_HTLB_PGALLOC] = "stat-htlb-pgalloc",
    [VIRTIO_BALLOON_S_HTLB_PGFAIL] = "stat-htlb-pgfail",
    [VIRTIO_BALLOON_S_OOM_KILL] = "stat-oom-kills",
    [VIRTIO_BALLOON_S_ALLOC_STALL] = "stat-alloc-stalls",
    [VIRTIO_BALLOON_S_SCAN_ASYNC] = "stat-async-scans",
    [VIRTIO_BALLOON_S_SCAN_DIRECT] = "stat-direct-scans",
    [VIRTIO_BALLOON_S_RECLAIM_ASYNC] = "stat-async-reclaims",
    [VIRTIO_BALLOON_S_RECLAIM_DIRECT] = "stat-direct-reclaims",
    [PRIVATE(VIRTIO_BALLOON_S_SEQUENCE)] = "stat-sequence",
    [PRIVATE(VIRTIO_BALLOON_S_BALLOON)] = "stat-balloon",
    [PRIVATE(VIRTIO_BALLOON_S_ACTIVE_ANON)] = "stat-active-anon",
    [PRIVATE(VIRTIO_BALLOON_S_INACTIVE_ANON)] = "stat-inactive-anon",
    [PRIVATE(VIRTIO_BALLOON_S_ACTIVE_FILE)] = "stat-active-file",
    [PRIVATE(VIRTIO_BALLOON_S_INACTIVE_FILE)] = "stat-inactive-file",
    [PRIVATE(VIRTIO_BALLOON_S_REFAULT_ANON)] = "stat-refaults-anon",
    [PRIVATE(VIRTIO_BALLOON_S_REFAULT_FILE)] = "stat-refaults-file",
    [PRIVATE(VIRTIO_BALLOON_S_PRESSURE_SOME)] = "stat-pressure-some",
    [PRIVATE(VIRTIO_BALLOON_S_PRESSURE_FULL)] = "stat-pressure-full",
};

/*
 * A buffer longer than this is read so far only: tags repeat or are unknown,
 * and the guest must not keep the main loop at it.
 */
#define STATS_READ_MAX (256 * sizeof(struct virtio_balloon_stat))

static void forget_values(BalloonStats *st)
{
    for (unsigned i = 0; i < STATS_NR; i++) {
        st->value[i] = UINT64_MAX;
    }
}

static void ask_in(BalloonStats *st, int64_t seconds)
{
    if (st->interval) {
        timer_mod(st->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + seconds * 1000);
    }
}

/*
 * Answers the driver's buffer, which asks it for new figures.
 * Return: whether the device's state is still what it was.
 */
static bool give_back(Ballonet *s)
{
    VirtQueueElement *elem = g_steal_pointer(&s->stats.elem);
    VirtQueue *vq = s->stats.vq;

    return balloon_ring_push(s, vq, elem, 0) && balloon_ring_notify(s, vq);
}

static void ask(void *opaque)
{
    Ballonet *s = opaque;
    bool can = s->stats.elem &&
               virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_BALLOON_F_STATS_VQ);

    trace_ballonet_stats_ask(can);
    if (can) {
        give_back(s); /* the driver's answer sets the timer again */
    } else {
        ask_in(&s->stats, s->stats.interval);
    }
}

static void read_values(Ballonet *s, const VirtQueueElement *elem)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    uint8_t raw[STATS_READ_MAX];
    size_t bytes = iov_to_buf(elem->out_sg, elem->out_num, 0, raw, sizeof(raw));
    unsigned known = 0;

    forget_values(&s->stats);
    for (size_t at = 0; at + sizeof(struct virtio_balloon_stat) <= bytes;
         at += sizeof(struct virtio_balloon_stat)) {
        const uint8_t *p = raw + at;
        uint16_t tag = virtio_lduw_p(vdev, p);
        uint64_t value = virtio_ldq_p(vdev, p + sizeof(tag));

        if (tag < VIRTIO_BALLOON_S_NR) {
            s->stats.value[tag] = value;
            known++;
        } else if (tag >= VIRTIO_BALLOON_S_PRIVATE && PRIVATE(tag) < STATS_NR) {
            s->stats.value[PRIVATE(tag)] = value;
            known++;
        } else {
            trace_ballonet_stats_unknown(tag, value);
        }
    }
    s->stats.last_update = g_get_real_time() / G_USEC_PER_SEC;
    bytes = iov_size(elem->out_sg, elem->out_num);
    trace_ballonet_stats(known, bytes);
    if (elem->in_num || bytes % sizeof(struct virtio_balloon_stat)) {
        s->count.rejected_buffers++;
    }
}

/* Takes the buffer that the driver has queued.  Return: as above. */
static bool take(Ballonet *s, VirtQueue *vq)
{
    BalloonStats *st = &s->stats;
    bool filled;

    if (st->elem && !virtio_queue_empty(vq)) {
        /* The driver may not have two with us (VIRTIO 5.5.6.3.1): the older one is stale. */
        s->count.rejected_buffers++;
        if (!give_back(s)) {
            return false;
        }
    }
    st->vq = vq;
    st->elem = balloon_ring_pop(s, vq, sizeof(VirtQueueElement));
    if (st->elem) {
        filled = virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_F_VERSION_1) || !st->first;
        st->first = false;
        if (filled) {
            read_values(s, st->elem);
        }
    }
    return true;
}

void balloon_stats_kick(Ballonet *s, VirtQueue *vq)
{
    BalloonStats *st = &s->stats;

    if (st->running) {
        return; /* an answer was written onto the register that notifies of this queue */
    }
    st->running = true;
    if (take(s, vq)) {
        ask_in(st, st->interval);
    }
    st->running = false;
}

bool balloon_stats_resume(Ballonet *s, VirtQueue *vq)
{
    uint32_t epoch = s->epoch;

    /*
     * The stream has no word of a popped buffer, only that one is out: it is
     * popped again here, after our own stop and start as well as after the
     * stock device's.
     */
    if (vq && !s->stats.elem && virtqueue_rewind(vq, 1)) {
        balloon_stats_kick(s, vq);
    }
    return s->epoch == epoch;
}

void balloon_stats_rearm(Ballonet *s)
{
    s->stats.first = false;
    ask_in(&s->stats, s->stats.interval);
}

void balloon_stats_reset(Ballonet *s)
{
    if (s->stats.elem) {
        balloon_ring_forget(s->stats.vq, s->stats.elem);
        s->stats.elem = NULL;
    }
    s->stats.first = true;
}

void balloon_stats_forget(Ballonet *s)
{
    s->stats.first = true;
    forget_values(&s->stats);
    s->stats.last_update = 0;
}

static void stop_asking(BalloonStats *st)
{
    timer_free(st->timer);
    st->timer = NULL;
    st->interval = 0;
}

void balloon_stats_fini(Ballonet *s)
{
    balloon_stats_reset(s);
    stop_asking(&s->stats);
}

void balloon_stats_destruct(Ballonet *s)
{
    stop_asking(&s->stats);
}

static void get_values(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    BalloonStats *st = &BALLONET(obj)->stats;
    bool ok;

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    ok = visit_type_int(v, "last-update", &st->last_update, errp) &&
         visit_start_struct(v, "stats", NULL, 0, errp);
    if (ok) {
        for (unsigned i = 0; ok && i < STATS_NR; i++) {
            ok = visit_type_uint64(v, tag_name[i], &st->value[i], errp);
        }
        ok = ok && visit_check_struct(v, errp);
        visit_end_struct(v, NULL);
    }
    if (ok) {
        visit_check_struct(v, errp);
    }
    visit_end_struct(v, NULL);
}

static void get_interval(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    visit_type_int(v, name, &BALLONET(obj)->stats.interval, errp);
}

static void set_interval(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    Ballonet *s = BALLONET(obj);
    int64_t seconds;

    if (!visit_type_int(v, name, &seconds, errp)) {
        return;
    }
    if (seconds < 0) {
        error_setg(errp, "timer value must be greater than zero");
    } else if (seconds > UINT32_MAX) {
        error_setg(errp, "timer value is too big");
    } else if (!seconds) {
        stop_asking(&s->stats);
    } else if (seconds != s->stats.interval) {
        bool first = !s->stats.interval;

        s->stats.interval = seconds;
        if (first) {
            s->stats.timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, ask, s);
        }
        ask_in(&s->stats, first ? 0 : seconds);
    }
}

void balloon_stats_properties(Ballonet *s)
{
    object_property_add(OBJECT(s), "guest-stats", "guest statistics", get_values, NULL, NULL,
                        NULL);
    object_property_add(OBJECT(s), "guest-stats-polling-interval", "int", get_interval,
                        set_interval, NULL, NULL);
}
