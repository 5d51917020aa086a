// SPDX-License-Identifier: GPL-2.0-only
/*
 * Up and down: what is started in which order with a device that is ready,
 * and stopped in exactly the reverse one, for good or for a sleep.
 *
 * Locks: none; the driver core runs these one at a time for each device.
 */
#include <linux/virtio.h>
#include <linux/virtio_config.h>

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
	if (vb->hostcomm.ops == &hostcomm_page_ops)
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
	/* Before anybody may move or take any of them. */
	resize_wake(&vb->resize);
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
	consolidate_start(&vb->consolidate);
	/* The configuration may have changed before anybody listened. */
	hinting_changed(&vb->hinting);
	vb->started = true;
	return 0;

err_hinting:
	hinting_quiesce(&vb->hinting);
	hinting_stop(&vb->hinting);
err_vqs:
	resize_keep_untold(&vb->resize);
	vb->vdev->config->del_vqs(vb->vdev);
	return err;
}

/* Nothing begins any more: no resizing, no moves, no calls for memory. */
static void balloon_quiesce(struct virtio_balloon *vb)
{
	vb->started = false;
	consolidate_stop(&vb->consolidate);
	resize_stop(&vb->resize);
	hinting_quiesce(&vb->hinting);
	stats_stop(&vb->stats);
	oom_stop(vb);
	relocate_hurry(&vb->relocate);
	pages_close(&vb->pages);
	relocate_stop(&vb->relocate);
}

/* Resets the device and ends what is still on its way. */
static void balloon_reset(struct virtio_balloon *vb)
{
	compat_reset_device(vb->vdev);
	reporting_stop(&vb->reporting);
	hinting_stop(&vb->hinting);
	hostcomm_stop(&vb->hostcomm);
	relocate_settle(&vb->relocate);
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
	balloon_quiesce(vb);
	resize_give_back(&vb->resize);
	balloon_reset(vb);
	resize_free_rest(&vb->resize);
	vb->vdev->config->del_vqs(vb->vdev);
}

/**
 * balloon_sleep() - the same, but the balloon keeps its pages
 * @vb: started
 *
 * balloon_start() announces them again.  Context: as balloon_stop().
 */
void balloon_sleep(struct virtio_balloon *vb)
{
	balloon_quiesce(vb);
	resize_drain(&vb->resize);
	balloon_reset(vb);
	resize_keep_untold(&vb->resize);
	/* A hibernation image leaves out only what is marked offline. */
	blocks_settle_all(&vb->pages);
	vb->vdev->config->del_vqs(vb->vdev);
}
