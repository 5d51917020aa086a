/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's lock, and binding its driver anew; rig_virtio.c is what stands behind.
 */
#ifndef SHIM_LINUX_DEVICE_H
#define SHIM_LINUX_DEVICE_H

#include <linux/kernel.h>

/**
 * struct device - as the driver core knows one
 * @parent: the transport's
 * @owner: who holds its lock
 */
struct device {
	struct device *parent;
	struct sim_task *owner;
};

static inline bool device_trylock(struct device *dev)
{
	sim_point();
	if (dev->owner)
		return false;
	dev->owner = sim_current;
	return true;
}

static inline void device_unlock(struct device *dev)
{
	sim_check(dev->owner == sim_current, "a device unlocked by who has not locked it");
	dev->owner = NULL;
	sim_point();
}

int device_reprobe(struct device *dev);
void get_device(struct device *dev);
void put_device(struct device *dev);

#endif
