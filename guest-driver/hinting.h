/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free page hinting for live migration (VIRTIO 1.4, 5.5.6.5); see hinting.c.
 */
#ifndef BALLONET_HINTING_H
#define BALLONET_HINTING_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/shrinker.h"
#include "balloon_pages.h"

struct page;
struct virtio_device;
struct virtqueue;

/* A block: as large as what the balloon takes at once. */
#define HINTING_ORDER	BALLOON_MAX_ORDER

/**
 * struct balloon_hinting - free memory that a migration need not copy
 * @vdev: probe-time only
 * @vq: free_page_vq; NULL where the feature was not negotiated
 * @wq: freezable; probe-time only
 * @work: does all that follows but for the shrinker
 * @changed: the configuration was, since the command id was read; atomic
 * @seen: the last command id that was acted on; @work only
 * @wire_id: what the buffer with a run's command id points to; @work only
 * @wire_stop: the same of the buffer that ends a run; @work only
 * @out: blocks that the host has not answered for; @work, and stop
 * @nr_out: buffers the host has; @work, and stop
 * @lock: protects @held, @nr_held, @stopped, @hinted
 * @held: blocks that it has: may be given back under pressure
 * @nr_held: how many
 * @stopped: @work must not be started and must end
 * @hinted: guest pages hinted so far
 * @acked: woken by answers and by the stop
 * @shrinker: gives @held back; registered while the queue is there
 */
struct balloon_hinting {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct workqueue_struct *wq;
	struct work_struct work;
	atomic_t changed;
	u32 seen;
	__virtio32 wire_id;
	__virtio32 wire_stop;
	struct list_head out;
	unsigned int nr_out;
	spinlock_t lock;
	struct list_head held;
	unsigned long nr_held;
	bool stopped;
	u64 hinted;
	wait_queue_head_t acked;
	struct compat_shrinker shrinker;
};

int hinting_init(struct balloon_hinting *hi, struct virtio_device *vdev);
void hinting_exit(struct balloon_hinting *hi);
int hinting_start(struct balloon_hinting *hi, struct virtqueue *vq);
void hinting_quiesce(struct balloon_hinting *hi);
void hinting_stop(struct balloon_hinting *hi);
void hinting_changed(struct balloon_hinting *hi);
void hinting_answered(struct virtqueue *vq);

/* hinting_held.c, for hinting.c. */
void hinting_hold(struct balloon_hinting *hi, struct page *page);
unsigned long hinting_release(struct balloon_hinting *hi, unsigned long max);
void hinting_held_init(struct balloon_hinting *hi);
int hinting_held_start(struct balloon_hinting *hi);
void hinting_held_stop(struct balloon_hinting *hi);

#endif
