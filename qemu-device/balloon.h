/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's state, shared by the files of this folder and by nobody else.
 *
 * Threads: every field is under the BQL unless it says otherwise.  Queue
 * handlers run in a vCPU thread or in the main loop, the rest of the work in
 * bottom halves and timers of the main loop; all of them hold the BQL.
 */
#ifndef BALLONET_BALLOON_H
#define BALLONET_BALLOON_H

#include "compat.h"
#include "hw/virtio/virtio.h"
#include "qom/object.h"

#include "engine.h"
#include "hinting.h"
#include "migration_skip.h"
#include "ram.h"
#include "reclaim.h"
#include "reporting.h"
#include "residency.h"
#include "ring.h"
#include "stats.h"
#include "target.h"
#include "virtio_balloon.h"
#include "virtqueues.h"

#define TYPE_BALLONET "virtio-balloon-device"
OBJECT_DECLARE_SIMPLE_TYPE(Ballonet, BALLONET)

/* What happened since the device was made; read-only properties (properties.c). */
typedef struct BalloonCounters {
    uint64_t rejected_pfns;    /* named pages that cannot be ballooned */
    uint64_t repeated_pfns;    /* inflated again while in the balloon */
    uint64_t stray_pfns;       /* deflated while not in the balloon */
    uint64_t rejected_buffers; /* buffers of a wrong shape, on any queue */
    uint64_t discards;         /* ranges given back */
    uint64_t discarded_bytes;
    uint64_t failed_discards;
    uint64_t dropped_pages;    /* answered, never given back: they could not be and may be in use */
    uint64_t ops_done[VIRTIO_BALLOON_OP_SWAP + 1];            /* by type of page operation */
    uint64_t ops_refused[VIRTIO_BALLOON_OPS_INHIBITED + 1];   /* buffers by status */
    uint64_t closed_buffers; /* on inflateq or deflateq, with page ops negotiated */
    uint64_t reported_bytes; /* of discarded_bytes, those of free page reporting */
} BalloonCounters;

struct Ballonet {
    VirtIODevice parent_obj;

    /* Set at realize.  Which of the further queues is whose depends on the driver. */
    VirtQueue *inflateq, *deflateq;

    /* Properties; fixed from realize on. */
    uint64_t host_features;
    OnOffAuto page_ops;
    bool qemu_4_0_config_size;
    uint64_t discard_granularity; /* bytes that go back together, where host pages are smaller */
    IOThread *iothread;

    /* Configuration space (config.c) and migration stream (vmstate.c); 4 KiB pages. */
    uint32_t num_pages;       /* target, from the host's user */
    uint32_t actual;          /* what the driver says it has given */
    uint32_t poison_val;
    uint32_t block_size;      /* ops_block_size, bytes */
    bool block_size_changed;  /* the driver saw another on the host that it came from */
    int64_t block_size_looked_up; /* get_clock() of that */
    unsigned mapped_backends; /* memory backends in use at that time */
    uint32_t reported_actual; /* the size that the host's user knows */
    QEMUTimer *actual_timer;  /* until a legacy driver has written all of actual */
    BalloonTarget target;

    bool stopped;            /* since the VM ran last, or never did */
    bool driver_gone;        /* it has taken DRIVER_OK back, and did not reset the device yet */
    uint32_t epoch;          /* counts what revoked the rings (ring.h) */
    unsigned ring_calls;     /* calls of the virtio core on the stack that write guest memory */
    bool delete_queues;      /* the device went during one of them */

    BalloonRam ram;
    BalloonReclaim reclaim;
    BalloonResidency residency;
    BalloonEngine engine;
    BalloonStats stats;
    BalloonHinting hinting;
    BalloonMigrationSkip skip;
    BalloonCounters count;
};

/* config.c. Context: BQL held. */
void balloon_config_decide_features(Ballonet *s);
void balloon_config_init(Ballonet *s);
void balloon_config_loaded(Ballonet *s); /* from a migration stream */
void balloon_config_fini(Ballonet *s);
size_t balloon_config_size(const Ballonet *s);
void balloon_config_get(VirtIODevice *vdev, uint8_t *data);
void balloon_config_set(VirtIODevice *vdev, const uint8_t *data);
uint64_t balloon_config_features(VirtIODevice *vdev, uint64_t features, Error **errp);

/* The QMP side, for qemu_add_balloon_handler(); @opaque is the device. */
void balloon_config_target(void *opaque, ram_addr_t target);
void balloon_config_info(void *opaque, BalloonInfo *info);

/* properties.c: read-only properties; the second gives them to the transport's device as well. */
void balloon_properties_init(Ballonet *s);
void balloon_properties_on_proxy(Object *proxy, Object *balloon);

/* vmstate.c: the transport's outer section, and what is in it of ours. */
extern const VMStateDescription balloon_vmstate_outer;
extern const VMStateDescription balloon_vmstate_device;

#endif
