/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free page reporting (VIRTIO 1.4, 5.5.6.7); see reporting.c.
 */
#ifndef BALLONET_REPORTING_H
#define BALLONET_REPORTING_H

#include <linux/page_reporting.h>
#include <linux/types.h>
#include <linux/wait.h>

struct virtio_device;
struct virtqueue;

/**
 * struct balloon_reporting - free memory on its way to the host
 * @pr: the kernel's side: calls us with isolated free blocks, one task at a time
 * @vdev: probe-time only
 * @vq: reporting_vq; NULL where the feature was not negotiated
 * @registered: @pr is known to the kernel; start and stop only
 * @stopped: the device was reset: nothing will be answered any more
 * @acked: woken by answers and by the stop
 * @reported: guest pages reported so far; the reporting task only
 */
struct balloon_reporting {
	struct page_reporting_dev_info pr;
	struct virtio_device *vdev;
	struct virtqueue *vq;
	bool registered;
	bool stopped;
	wait_queue_head_t acked;
	u64 reported;
};

void reporting_init(struct balloon_reporting *rp, struct virtio_device *vdev);
void reporting_tell_poison(struct balloon_reporting *rp);
void reporting_start(struct balloon_reporting *rp, struct virtqueue *vq);
void reporting_stop(struct balloon_reporting *rp);
void reporting_answered(struct virtqueue *vq);

#endif
