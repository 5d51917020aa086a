/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space and features (VIRTIO 5.5.3, 5.5.4), and the host user's
 * side of them: the QMP target and size, the BALLOON_CHANGE event.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "hw/mem/memory-device.h"
#include "qapi/qapi-events-machine.h"
#include "qapi/qapi-types-machine.h"
#include "qapi/qapi-visit-machine.h"
#include "qemu/bswap.h"
#include "qemu/timer.h"
#include "balloon.h"
#include "trace.h"

/*
 * Legacy drivers write their size byte by byte, the lowest first, and what it is
 * in between is no size (5.5.6.2).  It counts once nothing has come for so long.
 */
#define ACTUAL_WRITTEN_MS 2

/*
 * How long the space is decides what an older QEMU accepts in a migration
 * stream, so it follows the offered features as in the stock device;
 * qemu-4-0-config-size is for machine types of 4.0, which always had it whole.
 */
static size_t standard_size(const Ballonet *s)
{
    if (s->qemu_4_0_config_size ||
        virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_PAGE_POISON)) {
        return sizeof(struct virtio_balloon_config);
    }
    return virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_FREE_PAGE_HINT)
               ? offsetof(struct virtio_balloon_config, poison_val)
               : offsetof(struct virtio_balloon_config, free_page_hint_cmd_id);
}

/* As it is in memory; what lies between the two parts is reserved. */
typedef struct WholeConfig {
    struct virtio_balloon_config standard;
    uint8_t reserved[VIRTIO_BALLOON_OPS_CONFIG_OFFSET - sizeof(struct virtio_balloon_config)];
    struct virtio_balloon_ops_config ops;
} WholeConfig;

size_t balloon_config_size(const Ballonet *s)
{
    return virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_PAGE_OPS) ? sizeof(WholeConfig)
                                                                           : standard_size(s);
}

/*
 * Decides what "auto" means for page ops: on, unless the legacy I/O region
 * would outgrow the stock device's, as no guest could then move between the
 * two (machine types up to 5.0 but not 4.0, and page-poison=off).
 */
void balloon_config_decide_features(Ballonet *s)
{
    bool on = s->page_ops == ON_OFF_AUTO_AUTO
                  ? standard_size(s) == sizeof(struct virtio_balloon_config)
                  : s->page_ops == ON_OFF_AUTO_ON;

    if (on) {
        s->host_features |= UINT64_C(1) << VIRTIO_BALLOON_F_PAGE_OPS;
    }
}

/* Guest RAM in bytes as the balloon counts it: at boot, and modules plugged in since. */
static uint64_t ram_bytes(void)
{
    MemoryDeviceInfoList *list = qmp_memory_device_list(), *l;
    uint64_t bytes = MACHINE(qdev_get_machine())->ram_size;

    for (l = list; l; l = l->next) {
        if (l->value->type == MEMORY_DEVICE_INFO_KIND_DIMM) {
            bytes += l->value->u.dimm.data->size;
        }
    }
    qapi_free_MemoryDeviceInfoList(list);
    return bytes;
}

/* What the guest has left by its own word, which need not be a sane one. */
static uint64_t left_bytes(uint32_t actual)
{
    uint64_t ram = ram_bytes(), out = (uint64_t)actual << VIRTIO_BALLOON_PFN_SHIFT;

    return ram > out ? ram - out : 0;
}

void balloon_config_get(VirtIODevice *vdev, uint8_t *data)
{
    Ballonet *s = BALLONET(vdev);
    WholeConfig config = {
        .standard = {
            .num_pages = cpu_to_le32(s->num_pages),
            .actual = cpu_to_le32(s->actual),
            .free_page_hint_cmd_id = cpu_to_le32(balloon_hinting_config(s)),
            .poison_val = cpu_to_le32(s->poison_val),
        },
        .ops = {
            .ops_block_size = cpu_to_le32(s->block_size),
            .ops_max = cpu_to_le32(REQUEST_OPS_MAX),
        },
    };

    trace_virtio_balloon_get_config(s->num_pages, s->actual);
    memcpy(data, &config, balloon_config_size(s));
}

static void report_actual(void *opaque)
{
    Ballonet *s = opaque;

    if (s->reported_actual != s->actual) {
        s->reported_actual = s->actual;
        qapi_event_send_balloon_change(left_bytes(s->reported_actual));
    }
}

void balloon_config_init(Ballonet *s)
{
    s->actual_timer = timer_new_ms(QEMU_CLOCK_REALTIME, report_actual, s);
    balloon_target_init(s);
}

void balloon_config_loaded(Ballonet *s)
{
    s->reported_actual = s->actual;
    balloon_target_watch(s);
}

void balloon_config_fini(Ballonet *s)
{
    balloon_target_fini(s);
    timer_free(s->actual_timer);
}

void balloon_config_set(VirtIODevice *vdev, const uint8_t *data)
{
    Ballonet *s = BALLONET(vdev);
    struct virtio_balloon_config config = { 0 };
    uint32_t before = s->actual;

    memcpy(&config, data, MIN(balloon_config_size(s), sizeof(config)));
    s->actual = le32_to_cpu(config.actual);
    s->poison_val = virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_PAGE_POISON)
                        ? le32_to_cpu(config.poison_val)
                        : 0;
    trace_virtio_balloon_set_config(s->actual, before);
    if (s->actual != before) {
        balloon_target_watch(s);
    }
    if (virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        report_actual(s);
    } else {
        timer_mod(s->actual_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ACTUAL_WRITTEN_MS);
    }
}

uint64_t balloon_config_features(VirtIODevice *vdev, uint64_t features, Error **errp)
{
    features |= BALLONET(vdev)->host_features | UINT64_C(1) << VIRTIO_BALLOON_F_STATS_VQ;
    if (!virtio_has_feature(features, VIRTIO_F_VERSION_1)) {
        features &= ~(UINT64_C(1) << VIRTIO_BALLOON_F_PAGE_OPS);
    }
    return features;
}

void balloon_config_target(void *opaque, ram_addr_t target)
{
    Ballonet *s = opaque;
    uint64_t ram = ram_bytes();

    target = MIN(target, ram);
    if (target) {
        s->num_pages = MIN((ram - target) >> VIRTIO_BALLOON_PFN_SHIFT, UINT32_MAX);
        balloon_target_watch(s);
    }
    trace_virtio_balloon_to_target(target, s->num_pages);
    if (target) {
        balloon_ring_notify_config(s);
    }
}

void balloon_config_info(void *opaque, BalloonInfo *info)
{
    info->actual = left_bytes(((Ballonet *)opaque)->reported_actual);
}
