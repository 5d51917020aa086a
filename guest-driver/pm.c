// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation.  The balloon stays (resize_sleep.c).
 *
 * Context: the freezable worker is frozen already; the driver core runs these.
 */
#include <linux/virtio.h>

#include "device.h"

/**
 * balloon_freeze() - the system goes to sleep
 * @vdev: probed
 *
 * Return: 0.
 */
int balloon_freeze(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	/* Not so after a failed restore. */
	if (vb->started)
		balloon_sleep(vb);
	return 0;
}

/**
 * balloon_restore() - the system woke up
 * @vdev: frozen; features are negotiated again
 *
 * Return: 0 or a negative errno of setting the queues up.
 */
int balloon_restore(struct virtio_device *vdev)
{
	return balloon_wake(vdev->priv);
}
