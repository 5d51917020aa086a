/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migration stream, byte for byte the stock device's: names, versions and
 * fields below are an interface and must not change.  What is popped from a
 * queue is not in it (see executor.h).  The ledger, which the stock device
 * does not know, is there only where page ops are negotiated.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "migration/vmstate.h"
#include "balloon.h"

static int post_load(void *opaque, int version_id)
{
    balloon_config_loaded(opaque);
    balloon_stats_rearm(opaque);
    return 0;
}

static bool hint_needed(void *opaque)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(opaque), VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

static int hint_post_load(void *opaque, int version_id)
{
    return balloon_hinting_loaded(opaque);
}

/* Named before reporting got that word for itself. */
static const VMStateDescription vmstate_hint = {
    .name = "virtio-balloon-device/free-page-report",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = hint_needed,
    .post_load = hint_post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(hinting.cmd_id, Ballonet),
        VMSTATE_UINT32(hinting.status, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
};

static bool poison_needed(void *opaque)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(opaque), VIRTIO_BALLOON_F_PAGE_POISON);
}

static const VMStateDescription vmstate_poison = {
    .name = "virtio-balloon-device/page-poison",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = poison_needed,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(poison_val, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
};

/* num_pages and actual need no check: any value is one a guest or user could have set. */
const VMStateDescription balloon_vmstate_device = {
    .name = "virtio-balloon-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(num_pages, Ballonet),
        VMSTATE_UINT32(actual, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = BALLONET_VMSUBSECTIONS{
        &vmstate_hint,
        &vmstate_poison,
        NULL,
    },
};

const VMStateDescription balloon_vmstate_outer = {
    .name = "virtio-balloon",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_VIRTIO_DEVICE,
        /*
         * Behind the features: a host that does not know page ops finds these
         * first, and says that they are not supported.  It is no subsection,
         * as its name would have to begin with "virtio", and the transport
         * would take it for one of its own.
         */
        {
            .name = "page-ops",
            .field_exists = balloon_vmstate_ops_needed,
            .vmsd = &balloon_vmstate_ops,
            .flags = VMS_STRUCT,
            .size = sizeof(Ballonet),
        },
        VMSTATE_END_OF_LIST(),
    },
};
