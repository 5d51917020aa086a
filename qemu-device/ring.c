/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers between the driver and us, see ring.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "balloon.h"

void balloon_ring_revoke(Ballonet *s)
{
    s->epoch++;
}

void balloon_ring_delete_queues(Ballonet *s)
{
    s->delete_queues = s->ring_calls > 0;
    if (!s->delete_queues) {
        balloon_virtqueues_delete(s);
    }
}

/* Before each call of the core that writes guest memory.  Return: what leave() is to be told. */
static uint32_t enter(Ballonet *s)
{
    s->ring_calls++;
    return s->epoch;
}

/* Return: whether the device's state is still what it was at enter(). */
static bool leave(Ballonet *s, uint32_t epoch)
{
    s->ring_calls--;
    if (s->delete_queues && !s->ring_calls) {
        s->delete_queues = false;
        balloon_virtqueues_delete(s);
    }
    return s->epoch == epoch;
}

void *balloon_ring_pop(Ballonet *s, VirtQueue *vq, size_t size)
{
    uint32_t epoch = enter(s);
    void *buffer = virtqueue_pop(vq, size); /* writes avail_event */
    bool revoked = s->epoch != epoch;

    if (buffer && revoked) {
        /* It was read from a ring that is no longer there. */
        balloon_ring_forget(vq, buffer);
        buffer = NULL;
    }
    leave(s, epoch);
    return buffer;
}

bool balloon_ring_push(Ballonet *s, VirtQueue *vq, void *buffer, unsigned written)
{
    uint32_t epoch = enter(s);

    virtqueue_push(vq, buffer, written);
    g_free(buffer);
    return leave(s, epoch);
}

bool balloon_ring_notify(Ballonet *s, VirtQueue *vq)
{
    uint32_t epoch = enter(s);

    virtio_notify(VIRTIO_DEVICE(s), vq);
    return leave(s, epoch);
}

bool balloon_ring_notify_config(Ballonet *s)
{
    uint32_t epoch = enter(s);

    virtio_notify_config(VIRTIO_DEVICE(s));
    return leave(s, epoch);
}

bool balloon_ring_want_kicks(Ballonet *s, VirtQueue *vq, bool want)
{
    uint32_t epoch = enter(s);

    virtio_queue_set_notification(vq, want);
    return leave(s, epoch);
}

bool balloon_ring_error(Ballonet *s, const char *why)
{
    uint32_t epoch = enter(s);

    virtio_error(VIRTIO_DEVICE(s), "%s", why);
    return leave(s, epoch);
}

void balloon_ring_rewind(VirtQueue *vq, void *buffer)
{
    VirtQueueElement *elem = buffer;
    unsigned descriptors = elem->ndescs;

    /* virtqueue_unpop() goes back by one descriptor, however many a packed ring has of it. */
    elem->ndescs = 0;
    virtqueue_detach_element(vq, elem, 0);
    virtqueue_rewind(vq, descriptors);
    g_free(elem);
}

void balloon_ring_forget(VirtQueue *vq, void *buffer)
{
    virtqueue_detach_element(vq, buffer, 0);
    g_free(buffer);
}

void balloon_ring_forget_written(VirtQueue *vq, void *buffer)
{
    VirtQueueElement *elem = buffer;

    elem->ndescs = 0; /* the reset has counted it out */
    virtqueue_detach_element(vq, elem, iov_size(elem->in_sg, elem->in_num));
    g_free(elem);
}

unsigned balloon_ring_segments(const void *buffer)
{
    const VirtQueueElement *elem = buffer;

    return elem->in_num + elem->out_num;
}
