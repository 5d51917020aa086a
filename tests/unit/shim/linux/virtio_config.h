/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space and the states of a virtio device.
 */
#ifndef SHIM_LINUX_VIRTIO_CONFIG_H
#define SHIM_LINUX_VIRTIO_CONFIG_H

#include <linux/virtio.h>

bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit);
int virtio_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
		    vq_callback_t *callbacks[], const char *const names[], void *desc);
void virtio_device_ready(struct virtio_device *vdev);
void virtio_reset_device(struct virtio_device *vdev);
void *sim_config(struct virtio_device *vdev, size_t at);

#define virtio_cread_bytes(vdev, at, buf, len) memcpy(buf, sim_config(vdev, at), len)
#define virtio_cread_le(vdev, type, member, ptr) \
	(*(ptr) = *(u32 *)sim_config(vdev, offsetof(type, member)))
#define virtio_cwrite_le(vdev, type, member, ptr) \
	(*(u32 *)sim_config(vdev, offsetof(type, member)) = *(ptr))

#endif
