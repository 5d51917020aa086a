/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device and its queues; fake_host.c and rig.c are the other side.
 */
#ifndef SHIM_LINUX_VIRTIO_H
#define SHIM_LINUX_VIRTIO_H

#include <linux/slab.h>
#include <linux/printk.h>
#include <linux/types.h>
#include_next <linux/virtio_types.h>

struct virtio_device;

struct device {
	int unused;
};

struct virtqueue {
	struct virtio_device *vdev;
	const char *name;
	void (*callback)(struct virtqueue *vq);
};

typedef void vq_callback_t(struct virtqueue *vq);

struct virtio_config_ops {
	void (*get)(struct virtio_device *vdev, unsigned int at, void *buf, unsigned int len);
	void (*del_vqs)(struct virtio_device *vdev);
};

struct virtio_device {
	struct device dev;
	const struct virtio_config_ops *config;
	u64 features;
	void *priv;
};

#endif
