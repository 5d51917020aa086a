/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's virtqueues, see virtqueues.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "balloon.h"

static uint64_t offered(const Ballonet *s)
{
    return s->host_features | UINT64_C(1) << VIRTIO_BALLOON_F_STATS_VQ;
}

static uint32_t rings(VirtIODevice *vdev)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < BALLOON_QUEUES_MAX; i++) {
        if (virtio_queue_get_desc_addr(vdev, i)) {
            set |= UINT32_C(1) << i;
        }
    }
    return set;
}

BalloonQueue balloon_virtqueue_by_number(Ballonet *s, unsigned index)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    return queue_by_number(offered(s), vdev->guest_features, rings(vdev), index);
}

static bool is_negotiated(Ballonet *s, BalloonQueue queue)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    switch (queue) {
    case BALLOON_QUEUE_REPORTING:
        return virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_REPORTING);
    case BALLOON_QUEUE_HINT:
        return virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
    default:
        return true; /* early drivers of statistics do not say so before they kick */
    }
}

VirtQueue *balloon_virtqueue(Ballonet *s, BalloonQueue queue)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    int number;

    switch (queue) {
    case BALLOON_QUEUE_INFLATE:
        return s->inflateq;
    case BALLOON_QUEUE_DEFLATE:
        return s->deflateq;
    case BALLOON_QUEUE_OPS:
        number = queue_number_of_ops(vdev->guest_features);
        break;
    case BALLOON_QUEUE_NONE:
        return NULL;
    default:
        number = queue_number(offered(s), vdev->guest_features, rings(vdev), queue);
    }
    return number >= 0 && is_negotiated(s, queue) ? virtio_get_queue(vdev, number) : NULL;
}

bool balloon_has_page_ops(Ballonet *s)
{
    return queue_number_of_ops(VIRTIO_DEVICE(s)->guest_features) >= 0;
}

bool balloon_driver_is_up(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    /* Legacy drivers of long ago set up their rings and never say DRIVER_OK. */
    bool early = !virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1) &&
                 virtio_queue_get_desc_addr(vdev, 0) && !s->driver_gone;

    return vdev->vm_running && !virtio_device_disabled(vdev) &&
           (virtio_device_started(vdev, vdev->status) || early);
}

/*
 * A queue takes the first free number, so the order is the interface, and a
 * queue of an optional feature exists where the feature is offered.  The one
 * more for page ops is the last; with all offered features accepted it is the
 * ops queue.
 */
void balloon_virtqueues_add(Ballonet *s, VirtIOHandleOutput kicked)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    s->inflateq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, kicked);
    s->deflateq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, kicked);
    virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, kicked);
    if (virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_FREE_PAGE_HINT)) {
        virtio_add_queue(vdev, VIRTQUEUE_MAX_SIZE, kicked);
    }
    if (virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_REPORTING)) {
        virtio_add_queue(vdev, BALLOON_REPORTING_QUEUE_SIZE, kicked);
    }
    if (virtio_has_feature(s->host_features, VIRTIO_BALLOON_F_PAGE_OPS)) {
        virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, kicked);
    }
}

void balloon_virtqueues_delete(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    for (int n = virtio_get_num_queues(vdev); n > 0; n--) {
        virtio_del_queue(vdev, n - 1);
    }
}
