/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device and its queues; fake_host.c and rig.c are the other side.
 */
#ifndef SHIM_LINUX_VIRTIO_H
#define SHIM_LINUX_VIRTIO_H

#include <linux/device.h>
#include <linux/slab.h>
#include <linux/printk.h>
#include <linux/scatterlist.h>
#include <linux/types.h>
#include_next <linux/virtio_types.h>

struct virtio_device;

struct virtqueue {
	struct virtio_device *vdev;
	const char *name;
	void (*callback)(struct virtqueue *vq);
};

typedef void vq_callback_t(struct virtqueue *vq);

struct virtio_config_ops {
	void (*get)(struct virtio_device *vdev, unsigned int at, void *buf, unsigned int len);
	void (*del_vqs)(struct virtio_device *vdev);
	u8 (*get_status)(struct virtio_device *vdev);
	u64 (*get_features)(struct virtio_device *vdev);
};

struct virtio_device {
	struct device dev;
	const struct virtio_config_ops *config;
	u64 features;
	void *priv;
};

struct virtio_device_id {
	u32 device, vendor;
};

#define VIRTIO_DEV_ANY_ID	0xffffffffu
#define MODULE_DEVICE_TABLE(bus, table)	_Static_assert(sizeof(table) > 0, #bus)

struct virtio_driver {
	struct {
		const char *name;
		void *owner;
	} driver;
	const struct virtio_device_id *id_table;
	const unsigned int *feature_table;
	unsigned int feature_table_size;
	int (*validate)(struct virtio_device *vdev);
	int (*probe)(struct virtio_device *vdev);
	void (*remove)(struct virtio_device *vdev);
	void (*config_changed)(struct virtio_device *vdev);
	int (*freeze)(struct virtio_device *vdev);
	int (*restore)(struct virtio_device *vdev);
};

int virtio_device_freeze(struct virtio_device *vdev);
int virtio_device_restore(struct virtio_device *vdev);
int register_virtio_driver(struct virtio_driver *drv);
void unregister_virtio_driver(struct virtio_driver *drv);

/* Queues as such: fake_queue.c. */
int virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int n,
			 void *token, gfp_t gfp);
int virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out,
		      unsigned int in, void *token, gfp_t gfp);
int virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int n,
			void *token, gfp_t gfp);
bool virtqueue_kick(struct virtqueue *vq);
bool virtqueue_kick_prepare(struct virtqueue *vq);
bool virtqueue_notify(struct virtqueue *vq);
void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len);
void *virtqueue_detach_unused_buf(struct virtqueue *vq);
bool virtqueue_is_broken(struct virtqueue *vq);
unsigned int virtqueue_get_vring_size(struct virtqueue *vq);

#endif
