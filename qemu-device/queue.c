/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of the inflate and deflate queues, see queue.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "balloon.h"
#include "hw/virtio/virtio-access.h"
#include "trace.h"

static const char *name_of(const Ballonet *s, const VirtQueue *vq)
{
    return vq == s->inflateq ? "inflate" : vq == s->deflateq ? "deflate" : "ops";
}

void balloon_queue_kicked(VirtIODevice *vdev, VirtQueue *vq)
{
    Ballonet *s = BALLONET(vdev);

    trace_ballonet_kick(name_of(s, vq));
    balloon_executor_kick(s);
}

bool balloon_queue_next(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    VirtQueueElement *elem = virtqueue_pop(vq, sizeof(VirtQueueElement));
    unsigned wrong;

    if (!elem) {
        return false;
    }
    *buf = (BalloonBuffer){ .elem = elem };
    wrong = request_shape(iov_size(elem->out_sg, elem->out_num),
                          iov_size(elem->in_sg, elem->in_num), &buf->pfns);
    if (wrong) {
        s->count.rejected_buffers++;
    }
    if (balloon_ops_queue(s)) {
        /* These two queues are closed (page-ops.md 1). */
        s->count.closed_buffers++;
        buf->pfns = 0;
    }
    trace_ballonet_buffer(name_of(s, vq), buf->pfns, wrong);
    return true;
}

size_t balloon_queue_read(Ballonet *s, BalloonBuffer *buf, RequestRange *out, size_t *ranges)
{
    uint8_t raw[BALLOON_CHUNK_PFNS * REQUEST_PFN_BYTES];
    size_t n = MIN(buf->pfns - buf->done, BALLOON_CHUNK_PFNS);

    /*
     * The guest may change the array while we read it: from here on there is
     * one copy, and it is ours.
     */
    iov_to_buf(buf->elem->out_sg, buf->elem->out_num, buf->done * REQUEST_PFN_BYTES, raw,
               n * REQUEST_PFN_BYTES);
    *ranges = request_ranges(raw, n, virtio_access_is_big_endian(VIRTIO_DEVICE(s)), out);
    buf->done += n;
    return n;
}

void balloon_queue_push(Ballonet *s, VirtQueue *vq, VirtQueueElement *elem)
{
    trace_ballonet_buffer_done(name_of(s, vq));
    virtqueue_push(vq, elem, 0);
    g_free(elem);
}

void balloon_queue_rewind(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    trace_ballonet_buffer_rewound(name_of(s, vq), buf->pfns - buf->done);
    virtqueue_unpop(vq, buf->elem, 0);
    g_free(buf->elem);
    buf->elem = NULL;
}

void balloon_queue_forget(VirtQueue *vq, VirtQueueElement *elem)
{
    virtqueue_detach_element(vq, elem, 0);
    g_free(elem);
}
