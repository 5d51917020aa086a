/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's virtqueues: which there are, and which of them each of the
 * driver's is.  Inflate and deflate have their numbers for good; what the
 * others are is decided from the features and rings of the driver each time
 * (queue_numbers.h).
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_VIRTQUEUES_H
#define BALLONET_VIRTQUEUES_H

#include "hw/virtio/virtio.h"
#include "queue_numbers.h"

struct Ballonet;

/* Sizes as of the stock device: the guest sees them, and migration compares them. */
#define BALLOON_QUEUE_SIZE 128
#define BALLOON_REPORTING_QUEUE_SIZE 32

/* @kicked handles all of them. */
void balloon_virtqueues_add(struct Ballonet *s, VirtIOHandleOutput kicked);
void balloon_virtqueues_delete(struct Ballonet *s);

/* Which queue number @index is. */
BalloonQueue balloon_virtqueue_by_number(struct Ballonet *s, unsigned index);

/* NULL where the driver has no such queue, or it has not negotiated the feature. */
VirtQueue *balloon_virtqueue(struct Ballonet *s, BalloonQueue queue);

/* Whether page ops were negotiated (spec/page-ops.md 1). */
bool balloon_has_page_ops(struct Ballonet *s);

/* Whether the VM runs and its driver is up (VIRTIO 3.1.1), so that buffers are to be worked on. */
bool balloon_driver_is_up(struct Ballonet *s);

#endif
