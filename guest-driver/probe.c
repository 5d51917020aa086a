// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning and end of a device: what is set up in which order, and undone in
 * exactly the reverse one.  balloon_start() and balloon_stop() serve suspend
 * as well.
 *
 * Locks: none; the driver core runs these one at a time for each device.
 */
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "debugfs.h"
#include "device.h"

/* opsq comes after all standard queues (spec/page-ops.md, 2). */
#define BALLOON_VQ_OPS	VIRTIO_BALLOON_VQ_MAX
#define BALLOON_NR_VQS	(VIRTIO_BALLOON_VQ_MAX + 1)

/* @vqs: filled in; NULL for queues that were not negotiated. */
static int balloon_find_vqs(struct virtio_balloon *vb,
			    struct virtqueue *vqs[BALLOON_NR_VQS])
{
	static vq_callback_t *callbacks[BALLOON_NR_VQS] = {
		[VIRTIO_BALLOON_VQ_INFLATE] = hostcomm_answered,
		[VIRTIO_BALLOON_VQ_DEFLATE] = hostcomm_answered,
		[VIRTIO_BALLOON_VQ_STATS] = stats_asked,
		[VIRTIO_BALLOON_VQ_FREE_PAGE] = hinting_answered,
		[VIRTIO_BALLOON_VQ_REPORTING] = reporting_answered,
		[BALLOON_VQ_OPS] = hostcomm_answered,
	};
	const char *names[BALLOON_NR_VQS] = {
		[VIRTIO_BALLOON_VQ_INFLATE] = "inflate",
		[VIRTIO_BALLOON_VQ_DEFLATE] = "deflate",
	};
	int err;

	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_STATS_VQ))
		names[VIRTIO_BALLOON_VQ_STATS] = "stats";
	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		names[VIRTIO_BALLOON_VQ_FREE_PAGE] = "free_page_vq";
	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_REPORTING))
		names[VIRTIO_BALLOON_VQ_REPORTING] = "reporting_vq";
	if (vb->hostcomm.ops == &hostcomm_ext_ops)
		names[BALLOON_VQ_OPS] = "ops";

	err = compat_find_vqs(vb->vdev, BALLOON_NR_VQS, vqs, callbacks, names);
	if (err)
		return err;
	vb->hostcomm.vqs[HOSTCOMM_VQ_INFLATE] = vqs[VIRTIO_BALLOON_VQ_INFLATE];
	vb->hostcomm.vqs[HOSTCOMM_VQ_DEFLATE] = vqs[VIRTIO_BALLOON_VQ_DEFLATE];
	vb->hostcomm.vqs[HOSTCOMM_VQ_OPS] = vqs[BALLOON_VQ_OPS];
	return 0;
}

/**
 * balloon_start() - queues up, device ready, everything runs
 * @vb: initialised, or stopped
 *
 * Context: may sleep.  Return: 0 or a negative errno, with nothing started.
 */
int balloon_start(struct virtio_balloon *vb)
{
	struct virtqueue *vqs[BALLOON_NR_VQS] = {};
	int err;

	err = balloon_find_vqs(vb, vqs);
	if (err)
		return err;
	err = hinting_start(&vb->hinting, vqs[VIRTIO_BALLOON_VQ_FREE_PAGE]);
	if (err)
		goto err_vqs;
	err = oom_start(vb);
	if (err)
		goto err_hinting;
	reporting_tell_poison(&vb->reporting);
	virtio_device_ready(vb->vdev);
	vb->relocate.hurry = false;
	pages_open(&vb->pages);
	hostcomm_start(&vb->hostcomm);
	stats_start(&vb->stats, vqs[VIRTIO_BALLOON_VQ_STATS]);
	reporting_start(&vb->reporting, vqs[VIRTIO_BALLOON_VQ_REPORTING]);
	resize_start(&vb->resize);
	/* The configuration may have changed before anybody listened. */
	hinting_changed(&vb->hinting);
	return 0;

err_hinting:
	hinting_quiesce(&vb->hinting);
	hinting_stop(&vb->hinting);
err_vqs:
	vb->vdev->config->del_vqs(vb->vdev);
	return err;
}

/**
 * balloon_stop() - give every page back, reset the device, queues down
 * @vb: started
 *
 * The host is told of each page as long as it answers; pages are freed without
 * its knowing only after the reset, which ends its right to them.
 *
 * Context: may sleep; bounded also with a dead device (I6).
 */
void balloon_stop(struct virtio_balloon *vb)
{
	resize_stop(&vb->resize);
	hinting_quiesce(&vb->hinting);
	stats_stop(&vb->stats);
	oom_stop(vb);
	relocate_hurry(&vb->relocate);
	pages_close(&vb->pages);
	relocate_stop(&vb->relocate);
	resize_give_back(&vb->resize);
	virtio_reset_device(vb->vdev);
	reporting_stop(&vb->reporting);
	hinting_stop(&vb->hinting);
	hostcomm_stop(&vb->hostcomm);
	relocate_settle(&vb->relocate);
	resize_free_rest(&vb->resize);
	vb->vdev->config->del_vqs(vb->vdev);
}

static void balloon_free(struct virtio_balloon *vb)
{
	oom_exit(vb);
	hinting_exit(&vb->hinting);
	resize_exit(&vb->resize);
	relocate_exit(&vb->relocate);
	hostcomm_exit(&vb->hostcomm);
	vb->vdev->priv = NULL;
	kfree(vb);
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
	return &hostcomm_ext_ops;
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
	vb->managed = !virtio_has_feature(vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
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

	balloon_debugfs_remove(vb);
	balloon_stop(vb);
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
}
