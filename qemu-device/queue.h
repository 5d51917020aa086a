/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of the inflate and deflate queues: popped, judged by shape, copied
 * in once and in bounded chunks, handed back.  Never touches guest RAM but
 * through the buffers, and knows nothing of what the PFNs mean.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_QUEUE_H
#define BALLONET_QUEUE_H

#include "hw/virtio/virtio.h"
#include "request.h"

/* PFNs copied in at once: the bound on work between two looks at the clock. */
#define BALLOON_CHUNK_PFNS 1024u

/* As the stock device: the guest sees it, and migration compares it. */
#define BALLOON_QUEUE_SIZE 128

/* A buffer that is being read. */
typedef struct BalloonBuffer {
    VirtQueueElement *elem; /* NULL: none */
    uint64_t pfns;          /* whole PFNs in it */
    uint64_t done;          /* PFNs read so far */
} BalloonBuffer;

struct Ballonet;

/* Handler of both queues: wakes the executor. */
void balloon_queue_kicked(VirtIODevice *vdev, VirtQueue *vq);

/*
 * Takes the next buffer of @vq, counting what is wrong with its shape.  A
 * chain that the ring layer calls broken marks the device broken.
 * Return: false where there is none.
 */
bool balloon_queue_next(struct Ballonet *s, VirtQueue *vq, BalloonBuffer *buf);

/*
 * Reads the next PFNs of @buf, into ranges at @out (BALLOON_CHUNK_PFNS of them).
 * Return: PFNs read, 0 at the end; *@ranges is how many ranges they make.
 */
size_t balloon_queue_read(struct Ballonet *s, BalloonBuffer *buf, RequestRange *out,
                          size_t *ranges);

/* Hands a buffer back with length 0 (nothing was written); the caller notifies. */
void balloon_queue_push(struct Ballonet *s, VirtQueue *vq, VirtQueueElement *elem);

/* Puts the buffer popped last back as if it had never been seen. */
void balloon_queue_rewind(struct Ballonet *s, VirtQueue *vq, BalloonBuffer *buf);

/* Lets go of an element when the ring is reset: the driver has forgotten it. */
void balloon_queue_forget(VirtQueue *vq, VirtQueueElement *elem);

#endif
