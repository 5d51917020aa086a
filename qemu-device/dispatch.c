/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queues: which there are, and whose a kick is.  Inflate and deflate have
 * their numbers for good; what the others are is decided from the features and
 * rings of the driver each time (role.h).
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "balloon.h"
#include "trace.h"

static uint64_t offered(const Ballonet *s)
{
    return s->host_features | UINT64_C(1) << VIRTIO_BALLOON_F_STATS_VQ;
}

static uint32_t rings(VirtIODevice *vdev)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < BALLOON_ROLE_QUEUES_MAX; i++) {
        if (virtio_queue_get_desc_addr(vdev, i)) {
            set |= UINT32_C(1) << i;
        }
    }
    return set;
}

BalloonRole balloon_dispatch_role(Ballonet *s, unsigned index)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    return role_of_queue(offered(s), vdev->guest_features, rings(vdev), index);
}

VirtQueue *balloon_dispatch_queue(Ballonet *s, BalloonRole role)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    int index = role_queue(offered(s), vdev->guest_features, rings(vdev), role);

    return index < 0 ? NULL : virtio_get_queue(vdev, index);
}

static void kicked(VirtIODevice *vdev, VirtQueue *vq)
{
    Ballonet *s = BALLONET(vdev);
    BalloonRole role = balloon_dispatch_role(s, virtio_get_queue_index(vq));

    trace_ballonet_role(virtio_get_queue_index(vq), role);
    switch (role) {
    case BALLOON_ROLE_STATS:
        balloon_stats_kick(s, vq);
        break;
    case BALLOON_ROLE_REPORTING:
        if (virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_REPORTING)) {
            balloon_reporting_kick(s, vq);
        }
        break;
    case BALLOON_ROLE_HINT:
        if (virtio_vdev_has_feature(vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT)) {
            balloon_hinting_kick(s, vq);
        }
        break;
    case BALLOON_ROLE_OPS:
        balloon_queue_kicked(vdev, vq);
        break;
    default:
        break;
    }
}

/*
 * A queue takes the first free number, so the order is the interface, and a
 * queue of an optional feature exists where the feature is offered.  The one
 * more for page ops is the last; with all offered features accepted it is the
 * ops queue.
 */
void balloon_dispatch_add_queues(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    s->inflateq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, balloon_queue_kicked);
    s->deflateq = virtio_add_queue(vdev, BALLOON_QUEUE_SIZE, balloon_queue_kicked);
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

void balloon_dispatch_delete_queues(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    for (int n = virtio_get_num_queues(vdev); n > 0; n--) {
        virtio_del_queue(vdev, n - 1);
    }
}
