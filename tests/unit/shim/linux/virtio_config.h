/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space and the states of a virtio device.
 */
#ifndef SHIM_LINUX_VIRTIO_CONFIG_H
#define SHIM_LINUX_VIRTIO_CONFIG_H

#include <linux/virtio.h>
#include_next <linux/virtio_config.h>

bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit);
int virtio_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
		    vq_callback_t *callbacks[], const char *const names[], void *desc);
void virtio_device_ready(struct virtio_device *vdev);
void virtio_reset_device(struct virtio_device *vdev);
void sim_config_read(struct virtio_device *vdev, size_t at, void *buf, size_t len);
void sim_config_write(struct virtio_device *vdev, size_t at, const void *buf, size_t len);

/* What little-endian is to this CPU, if sim_big_endian makes it one of the other kind. */
extern bool sim_big_endian;

static inline u64 sim_swap(bool swap, u64 x, unsigned int bytes)
{
	return swap ? __builtin_bswap64(x) >> (64 - 8 * bytes) : x;
}

/* The guest's own order without VERSION_1, little-endian with it. */
static inline u64 sim_virtio(const struct virtio_device *vdev, u64 x, unsigned int bytes)
{
	return sim_swap(sim_big_endian && virtio_has_feature(vdev, VIRTIO_F_VERSION_1), x, bytes);
}

#define cpu_to_virtio16(vdev, x)	((__virtio16)sim_virtio(vdev, x, 2))
#define cpu_to_virtio32(vdev, x)	((__virtio32)sim_virtio(vdev, x, 4))
#define cpu_to_virtio64(vdev, x)	((__virtio64)sim_virtio(vdev, x, 8))

#define virtio_cread_bytes(vdev, at, buf, len) sim_config_read(vdev, at, buf, len)
#define virtio_cread_le(vdev, type, member, ptr) do { \
		sim_config_read(vdev, offsetof(type, member), ptr, sizeof(*(ptr))); \
		*(ptr) = sim_swap(sim_big_endian, *(ptr), sizeof(*(ptr))); \
	} while (0)
#define virtio_cwrite_le(vdev, type, member, ptr) do { \
		__typeof__(*(ptr)) le__ = sim_swap(sim_big_endian, *(ptr), sizeof(*(ptr))); \
		sim_config_write(vdev, offsetof(type, member), &le__, sizeof(le__)); \
	} while (0)

static inline void __virtio_clear_bit(struct virtio_device *vdev, unsigned int bit)
{
	vdev->features &= ~(1ULL << bit);
}

#endif
