// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation: the balloon is given back before and taken again
 * after, since the reset on the way ends what the host knows of it, and a
 * hibernation image must fit into what the guest has.
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
	balloon_stop(vdev->priv);
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
	return balloon_start(vdev->priv);
}
