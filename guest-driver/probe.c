// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning and end of a device: what is allocated for it, and freed.
 *
 * Locks: none; the driver core runs these one at a time for each device.
 */
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "debugfs.h"
#include "device.h"

static void balloon_free(struct virtio_balloon *vb)
{
	oom_exit(vb);
	hinting_exit(&vb->hinting);
	consolidate_exit(&vb->consolidate);
	resize_exit(&vb->resize);
	relocate_exit(&vb->relocate);
	hostcomm_exit(&vb->hostcomm);
	if (vb->vdev->priv == vb)
		vb->vdev->priv = NULL;
	kfree(vb);
}

static bool balloon_is_managed(struct virtio_device *vdev)
{
	return !virtio_has_feature(vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
}

static const struct hostcomm_ops *balloon_hostcomm_ops(struct virtio_balloon *vb)
{
	__le32 max;

	if (!virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_PAGE_OPS))
		return &hostcomm_pfn_ops;
	virtio_cread_bytes(vb->vdev, VIRTIO_BALLOON_OPS_CONFIG_OFFSET +
			   offsetof(struct virtio_balloon_ops_config, ops_max),
			   &max, sizeof(max));
	vb->hostcomm.ops_max = le32_to_cpu(max);
	return &hostcomm_page_ops;
}

/* Bytes that the host likes to have together; 0 where it does not say. */
static u32 balloon_block_size(struct virtio_balloon *vb)
{
	__le32 size;

	if (vb->hostcomm.ops != &hostcomm_page_ops)
		return 0;
	virtio_cread_bytes(vb->vdev, VIRTIO_BALLOON_OPS_CONFIG_OFFSET +
			   offsetof(struct virtio_balloon_ops_config,
				    ops_block_size), &size, sizeof(size));
	return le32_to_cpu(size);
}

/**
 * balloon_is_alike() - whether the device can be spoken to in the same way
 * @vb: its device was reset since the probe
 */
bool balloon_is_alike(struct virtio_balloon *vb)
{
	u32 ops_max = vb->hostcomm.ops_max;

	return balloon_hostcomm_ops(vb) == vb->hostcomm.ops &&
	       vb->hostcomm.ops_max == ops_max &&
	       vb->managed == balloon_is_managed(vb->vdev);
}

static int balloon_alloc(struct virtio_device *vdev)
{
	struct virtio_balloon *vb;
	int err;

	vb = kzalloc(sizeof(*vb), GFP_KERNEL);
	if (!vb)
		return -ENOMEM;
	vdev->priv = vb;
	vb->vdev = vdev;
	vb->managed = balloon_is_managed(vdev);
	recover_init(vb);
	pages_init(&vb->pages);
	stats_init(&vb->stats, vdev);
	reporting_init(&vb->reporting, vdev);
	err = hostcomm_init(&vb->hostcomm, vdev, balloon_hostcomm_ops(vb));
	if (!err)
		err = relocate_init(&vb->relocate, &vb->pages, &vb->hostcomm,
				    vb->managed);
	if (!err)
		err = resize_init(&vb->resize, vb);
	if (!err)
		err = consolidate_init(&vb->consolidate, vb, balloon_block_size(vb));
	if (!err)
		err = oom_init(vb);
	if (!err)
		err = hinting_init(&vb->hinting, vdev);
	if (err)
		balloon_free(vb);
	return err;
}

/**
 * balloon_probe() - a device appeared
 * @vdev: features are negotiated
 *
 * Return: 0, -EINVAL for a device whose config space cannot be read, or
 * another negative errno.
 */
int balloon_probe(struct virtio_device *vdev)
{
	struct virtio_balloon *vb;
	int err;

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "the device's configuration cannot be read\n");
		return -EINVAL;
	}
	err = balloon_alloc(vdev);
	if (err)
		return err;
	vb = vdev->priv;
	err = balloon_start(vb);
	if (err) {
		balloon_free(vb);
		return err;
	}
	balloon_debugfs_add(vb);
	return 0;
}

/**
 * balloon_remove() - the device or the driver goes
 * @vdev: probed
 */
void balloon_remove(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;
	u8 status;

	recover_stop(vb);
	balloon_debugfs_remove(vb);
	if (vb->started) {
		balloon_stop(vb);
	} else {
		/* It was reset, and did not come back (recover.c). */
		resize_free_rest(&vb->resize);
		status = vdev->config->get_status(vdev);
		if (status && status != 0xff)
			compat_reset_device(vdev);
	}
	balloon_free(vb);
}

/**
 * balloon_config_changed() - the device changed its configuration
 * @vdev: probed
 *
 * Context: interrupt.
 */
void balloon_config_changed(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	resize_retarget(&vb->resize);
	hinting_changed(&vb->hinting);
	recover_look(vb);
}
