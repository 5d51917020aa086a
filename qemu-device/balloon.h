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

#include "executor.h"
#include "hinting.h"
#include "ops.h"
#include "pfns.h"
#include "queue.h"
#include "ram.h"
#include "reclaim.h"
#include "reporting.h"
#include "role.h"
#include "stats.h"
#include "target.h"
#include "virtio_balloon.h"

#define TYPE_BALLONET "virtio-balloon-device"
OBJECT_DECLARE_SIMPLE_TYPE(Ballonet, BALLONET)

/* What happened since the device was made; read-only properties (show.c). */
typedef struct BalloonCounters {
    uint64_t rejected_pfns;    /* named pages that are not the guest's RAM */
    uint64_t repeated_pfns;    /* inflated again while in the balloon */
    uint64_t stray_pfns;       /* deflated while not in the balloon */
    uint64_t rejected_buffers; /* buffers of a wrong shape, on any queue */
    uint64_t discards;         /* ranges given back */
    uint64_t discarded_bytes;
    uint64_t failed_discards;
    uint64_t ops_done[VIRTIO_BALLOON_OP_SWAP + 1];            /* by type of page operation */
    uint64_t ops_refused[VIRTIO_BALLOON_OPS_INHIBITED + 1];   /* buffers by status */
    uint64_t closed_buffers; /* on inflateq or deflateq, with page ops negotiated */
    uint64_t reported_bytes; /* of discarded_bytes, those of free page reporting */
} BalloonCounters;

struct Ballonet {
    VirtIODevice parent_obj;

    /* Set at realize.  Which of the further queues is whose depends on the driver: dispatch.c. */
    VirtQueue *inflateq, *deflateq;

    /* Properties; fixed from realize on. */
    uint64_t host_features;
    OnOffAuto page_ops;
    bool qemu_4_0_config_size;
    uint64_t discard_granularity; /* bytes that go back together, where host pages are smaller */
    IOThread *iothread;

    /* Configuration space (config.c) and migration stream (vmstate.c); 4 KiB pages. */
    uint32_t num_pages; /* target, from the host's user */
    uint32_t actual;    /* what the driver says it has given */
    uint32_t poison_val;
    uint32_t told;     /* the size that the host's user knows */
    QEMUTimer *settle; /* until a legacy driver has written all of actual */
    BalloonTarget target;

    bool stopped; /* since the VM ran last, or never did */

    BalloonRam ram;
    BalloonReclaim reclaim;
    BalloonExecutor executor;
    BalloonPfns pfns;
    BalloonOps ops;
    BalloonStats stats;
    BalloonReporting reporting;
    BalloonHinting hinting;
    BalloonCounters count;
};

/* config.c. Context: BQL held. */
void balloon_config_settle(Ballonet *s);
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

/* dispatch.c: the queues, and who does what on which.  Context: BQL held. */
void balloon_dispatch_add_queues(Ballonet *s);
void balloon_dispatch_delete_queues(Ballonet *s);
BalloonRole balloon_dispatch_role(Ballonet *s, unsigned index);
VirtQueue *balloon_dispatch_queue(Ballonet *s, BalloonRole role);

/* show.c: read-only properties; the second gives them to the transport's device as well. */
void balloon_show_init(Ballonet *s);
void balloon_show_on_proxy(Object *proxy, Object *balloon);

/* vmstate.c: the transport's outer section, and what is in it of ours. */
extern const VMStateDescription balloon_vmstate_outer;
extern const VMStateDescription balloon_vmstate_device;

/* opstate.c: the ledger, where page ops are negotiated. */
extern const VMStateDescription balloon_vmstate_ops;
bool balloon_vmstate_ops_needed(void *opaque, int version_id);

#endif
