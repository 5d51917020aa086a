/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device as QEMU's object model and virtio core see it: type, properties,
 * realize and unrealize, and who is told of reset, stop and start.  No work on
 * requests is done here.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ids.h"
#include "backing.h"
#include "balloon.h"
#include "hold.h"
#include "trace.h"

static bool hinting(const Ballonet *s)
{
    return virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

/* Return: whether the device can be what its properties ask for. */
static bool properties_hold(const Ballonet *s, Error **errp)
{
    if (hinting(s) && !s->iothread) {
        error_setg(errp, "'free-page-hint' requires 'iothread' to be set");
        return false;
    }
    return balloon_backing_suits(s->discard_granularity, errp);
}

/* Handler of all queues. */
static void kicked(VirtIODevice *vdev, VirtQueue *vq)
{
    Ballonet *s = BALLONET(vdev);
    unsigned number = virtio_get_queue_index(vq);
    BalloonQueue queue = balloon_virtqueue_by_number(s, number);
    BalloonHold hold = balloon_hold_begin();

    trace_ballonet_kick(number, queue);
    if (balloon_virtqueue(s, queue) != vq) {
        return; /* its feature is not negotiated */
    }
    switch (queue) {
    case BALLOON_QUEUE_STATS:
        balloon_stats_kick(s, vq);
        break;
    case BALLOON_QUEUE_HINT:
        balloon_hinting_kick(s);
        break;
    default:
        balloon_engine_kick(s);
    }
    balloon_hold_end(hold, "kick");
}

/*
 * Bytes best given back together (page-ops.md 3).  Only while no driver has read
 * it, and not at each reset, because it reads a dozen files of the host.
 */
static void look_up_block_size(Ballonet *s)
{
    uint64_t backing = balloon_backing().block;

    s->block_size = MIN(MAX(backing, s->discard_granularity), UINT32_C(1) << 31);
    balloon_ram_set_block_size(&s->ram, s->block_size);
    s->mapped_backends = balloon_backing_mapped();
    s->block_size_looked_up = get_clock();
    trace_ballonet_block_size(s->block_size, backing, s->discard_granularity);
}

static void device_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    Ballonet *s = BALLONET(dev);

    /*
     * Whatever can fail comes before the handler is registered: one left
     * behind would be called with a device that is gone.
     */
    if (!properties_hold(s, errp)) {
        return;
    }
    if (qemu_add_balloon_handler(balloon_config_target, balloon_config_info, s) < 0) {
        error_setg(errp, "Only one balloon device is supported");
        return;
    }

    balloon_config_decide_features(s);
    virtio_init(vdev, VIRTIO_ID_BALLOON, balloon_config_size(s));

    balloon_virtqueues_add(s, kicked);
    s->stopped = true;
    balloon_config_init(s);
    balloon_stats_forget(s);
    s->ram.granularity = s->discard_granularity;
    balloon_ram_init(&s->ram);
    look_up_block_size(s);
    balloon_engine_init(s);
    if (hinting(s)) {
        balloon_hinting_init(s);
    }
    balloon_migration_skip_init(s);
}

static void device_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    Ballonet *s = BALLONET(dev);

    qemu_remove_balloon_handler(s);
    balloon_migration_skip_fini(s);
    if (hinting(s)) {
        balloon_hinting_fini(s);
    }
    balloon_engine_fini(s);
    balloon_ram_fini(&s->ram);
    balloon_stats_fini(s);
    balloon_config_fini(s);
    balloon_ring_delete_queues(s);
    virtio_cleanup(vdev);
}

/*
 * By the guest's driver or of the whole machine.  Target and actual stay, as
 * in the stock device: the next driver inflates to the one and sets the other.
 */
static void device_reset(VirtIODevice *vdev)
{
    Ballonet *s = BALLONET(vdev);
    BalloonHold hold = balloon_hold_begin();

    balloon_engine_reset(s);
    balloon_stats_reset(s);
    if (hinting(s)) {
        balloon_hinting_reset(s);
    }
    s->poison_val = 0;
    s->driver_gone = false;
    if (s->mapped_backends != balloon_backing_mapped() ||
        get_clock() - s->block_size_looked_up >= NANOSECONDS_PER_SECOND) {
        look_up_block_size(s);
    }
    balloon_hold_end(hold, "reset");
}

static void queue_reset(VirtIODevice *vdev, uint32_t index)
{
    Ballonet *s = BALLONET(vdev);
    BalloonHold hold = balloon_hold_begin();

    switch (balloon_virtqueue_by_number(s, index)) {
    case BALLOON_QUEUE_STATS:
        balloon_ring_revoke(s);
        balloon_stats_reset(s);
        break;
    case BALLOON_QUEUE_HINT:
        balloon_ring_revoke(s);
        if (hinting(s)) {
            balloon_hinting_reset(s);
        }
        break;
    default:
        balloon_engine_queue_reset(s, virtio_get_queue(vdev, index));
    }
    balloon_hold_end(hold, "queue reset");
}

/* Nothing is left popped, on any queue but the one of statistics (stats.h). */
static void vm_stopped(Ballonet *s)
{
    s->stopped = true;
    if (balloon_engine_stop(s) && hinting(s)) {
        balloon_hinting_stop(s);
    }
}

/* Looks at all queues, as their buffers may be there without a kick. */
static void driver_up(Ballonet *s)
{
    bool block_size_changed = s->block_size_changed;

    balloon_engine_wake(s);
    if (balloon_ram_inflated(&s->ram)) {
        balloon_residency_watch(s);
    }
    if (hinting(s)) {
        balloon_hinting_wake(s);
    }
    s->block_size_changed = false;
    if (s->stopped) {
        s->stopped = false;
        /* Only now is what is out on its queue the one buffer of statistics. */
        if (!balloon_stats_resume(s, balloon_virtqueue(s, BALLOON_QUEUE_STATS))) {
            return;
        }
    }
    if (block_size_changed) {
        balloon_ring_notify_config(s);
    }
}

/* Also called with an unchanged status when the VM stops or starts. */
static void status_changed(Ballonet *s, uint8_t status)
{
    uint8_t before = VIRTIO_DEVICE(s)->status;
    BalloonHold hold;

    if (!DEVICE(s)->realized) {
        return; /* it is being realized or unrealized: there is nothing to stop or start */
    }
    hold = balloon_hold_begin();
    s->driver_gone |= before & ~status & VIRTIO_CONFIG_S_DRIVER_OK;
    if (!VIRTIO_DEVICE(s)->vm_running) {
        vm_stopped(s);
    } else if (status & VIRTIO_CONFIG_S_DRIVER_OK) {
        driver_up(s);
    } else {
        balloon_engine_halt(s);
    }
    balloon_hold_end(hold, VIRTIO_DEVICE(s)->vm_running ? "status" : "stop");
}

BALLONET_SET_STATUS(set_status, status_changed)

/* Of the machine or of the bus; the driver's own reset is device_reset(). */
static void machine_reset(Object *obj, ResetType type)
{
    if (BALLONET_RESET_FORGETS_STATS(type)) {
        balloon_stats_forget(BALLONET(obj));
    }
}

static void instance_init(Object *obj)
{
    Ballonet *s = BALLONET(obj);

    balloon_ram_construct(&s->ram);
    balloon_hinting_construct(s);
    balloon_stats_properties(s);
    balloon_properties_init(s);
}

static void instance_finalize(Object *obj)
{
    balloon_stats_destruct(BALLONET(obj));
    balloon_hinting_destruct(BALLONET(obj));
}

#define OFFER(name, bit, on) DEFINE_PROP_BIT64(name, Ballonet, host_features, bit, on)

/*
 * Names and defaults are the stock device's: machine types of old versions set
 * them.  Ours are must-tell-host (off, as it makes guests slower and nothing in
 * the device needs it), page-ops, discard-granularity (0, host pages),
 * sweep-interval (seconds; 0: no sweeps), and migration-skip-ballooned.
 */
BALLONET_PROPERTIES device_properties[] = {
    OFFER("deflate-on-oom", VIRTIO_BALLOON_F_DEFLATE_ON_OOM, false),
    OFFER("free-page-hint", VIRTIO_BALLOON_F_FREE_PAGE_HINT, false),
    OFFER("page-poison", VIRTIO_BALLOON_F_PAGE_POISON, true),
    OFFER("free-page-reporting", VIRTIO_BALLOON_F_REPORTING, false),
    OFFER("must-tell-host", VIRTIO_BALLOON_F_MUST_TELL_HOST, false),
    DEFINE_PROP_ON_OFF_AUTO("page-ops", Ballonet, page_ops, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_SIZE("discard-granularity", Ballonet, discard_granularity, 0),
    DEFINE_PROP_UINT32("sweep-interval", Ballonet, residency.interval, 60),
    DEFINE_PROP_BOOL("migration-skip-ballooned", Ballonet, skip.enabled, true),
    DEFINE_PROP_BOOL("qemu-4-0-config-size", Ballonet, qemu_4_0_config_size, false),
    DEFINE_PROP_LINK("iothread", Ballonet, iothread, TYPE_IOTHREAD, IOThread *),
    BALLONET_PROPERTIES_END
};

static void class_init(ObjectClass *klass, BallonetClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    device_class_set_props(dc, device_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    dc->vmsd = &balloon_vmstate_outer;
    vdc->vmsd = &balloon_vmstate_device;
    vdc->realize = device_realize;
    vdc->unrealize = device_unrealize;
    vdc->reset = device_reset;
    vdc->queue_reset = queue_reset;
    vdc->set_status = set_status;
    vdc->get_features = balloon_config_features;
    vdc->get_config = balloon_config_get;
    vdc->set_config = balloon_config_set;
    RESETTABLE_CLASS(klass)->phases.enter = machine_reset;
}

static const TypeInfo ballonet_type = {
    .name = TYPE_BALLONET,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(Ballonet),
    .instance_init = instance_init,
    .instance_finalize = instance_finalize,
    .class_init = class_init,
};

static void register_types(void)
{
    type_register_static(&ballonet_type);
}

type_init(register_types)
