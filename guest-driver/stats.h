/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory statistics for the host (VIRTIO 1.4, 5.5.6.3); see stats.c.
 */
#ifndef BALLONET_STATS_H
#define BALLONET_STATS_H

#include <linux/spinlock.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "virtio_balloon.h"

struct virtio_device;
struct virtqueue;

/**
 * struct balloon_stats - one buffer that goes to and fro
 * @vdev: the device
 * @vq: statsq; NULL where it was not negotiated
 * @work: fills the buffer; alone to touch the members below
 * @lock: protects @stopped
 * @stopped: @work must not be started
 * @events: scratch: too large for a stack
 * @sequence: buffers filled so far
 * @stat: the buffer
 */
struct balloon_stats {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct work_struct work;
	spinlock_t lock;
	bool stopped;
	unsigned long events[NR_VM_EVENT_ITEMS];
	u64 sequence;
	struct virtio_balloon_stat stat[VIRTIO_BALLOON_S_NR + VIRTIO_BALLOON_S_PRIVATE_NR];
};

void stats_init(struct balloon_stats *st, struct virtio_device *vdev);
void stats_start(struct balloon_stats *st, struct virtqueue *vq);
void stats_stop(struct balloon_stats *st);
void stats_asked(struct virtqueue *vq);

#endif
