/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page reporting (VIRTIO 5.5.6.7): the guest lends us pages it does not
 * use, as the device-writable parts of a buffer, and takes them back with it.
 * They go back to the host meanwhile; the ledger does not know them.
 *
 * Unlike ballooned pages these can never be given back later: once the buffer
 * is returned they are the guest's, so what is inhibited now is passed for good.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_REPORTING_H
#define BALLONET_REPORTING_H

#include "hw/virtio/virtio.h"
#include "qemu/main-loop.h"

/* As the stock device. */
#define BALLOON_REPORTING_QUEUE_SIZE 32

struct Ballonet;

typedef struct BalloonReporting {
    QEMUBH *bh;             /* the next slice */
    bool busy;              /* the bottom half is at work */
    VirtQueue *vq;          /* the queue that was kicked; its number depends on the driver */
    VirtQueueElement *elem; /* being worked on; NULL: none */
    unsigned part;          /* its part that is next */
    uint64_t done;          /* bytes of that part that are done */
} BalloonReporting;

void balloon_reporting_init(struct Ballonet *s);
void balloon_reporting_fini(struct Ballonet *s);

void balloon_reporting_kick(struct Ballonet *s, VirtQueue *vq);

/* As the executor's: the VM runs again; nothing popped stays popped; the ring is gone. */
void balloon_reporting_resume(struct Ballonet *s, VirtQueue *vq);
void balloon_reporting_drain(struct Ballonet *s);
void balloon_reporting_reset(struct Ballonet *s);

#endif
