// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The virtio core and the driver core above the device of rig.h: status, features,
 * who hears of changes, binding, and the way through suspend or a reset.
 */
#include <linux/module.h>

#include "rig.h"

#define DRIVER_SAYS	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

u64 rig_offered, rig_wanted;
const struct virtio_driver *rig_driver;
bool rig_strict, rig_gone;
unsigned int rig_resets;

static struct device transport;
static u8 status;
static unsigned int device_refs;
/* No change is told of a device that is not probed. */
static bool config_told;
static unsigned int config_telling;

/* Page ops are for modern devices alone. */
static u64 offered(void)
{
	bool modern = rig_offered >> VIRTIO_BALLOON_F_PAGE_OPS & 1;

	return rig_offered | (modern ? 1ULL << VIRTIO_F_VERSION_1 : 0);
}

u8 rig_get_status(struct virtio_device *vdev)
{
	(void)vdev;
	sim_might_sleep("asking for the device's status");
	return rig_gone ? 0xff : status;
}

u64 rig_get_features(struct virtio_device *vdev)
{
	(void)vdev;
	return rig_gone ? ~0ULL : offered();
}

int register_virtio_driver(struct virtio_driver *drv)
{
	rig_driver = drv;
	return 0;
}

void unregister_virtio_driver(struct virtio_driver *drv)
{
	assert_ptr_equal(rig_driver, drv);
	rig_driver = NULL;
}

void virtio_device_ready(struct virtio_device *vdev)
{
	(void)vdev;
	status |= VIRTIO_CONFIG_S_DRIVER_OK;
	host.ready = true;
}

void virtio_reset_device(struct virtio_device *vdev)
{
	(void)vdev;
	/* As the transports of old: they ask until the answer is 0. */
	sim_check(!rig_gone, "a device is reset that will never say it was");
	status = 0;
	rig_resets++;
	fake_host_reset();
	sim_point();
}

static bool no_config_change(void *arg)
{
	(void)arg;
	return !config_telling;
}

static void tell_config(bool tell)
{
	config_told = tell;
	if (!tell)
		sim_block(no_config_change, NULL, SIM_FOREVER, "a change of configuration");
}

/**
 * rig_config_changed() - the device says that its configuration changed
 */
void rig_config_changed(void)
{
	bool before = sim_current->in_irq;

	if (!config_told)
		return;
	sim_current->in_irq = true;
	config_telling++;
	rig_driver->config_changed(&rig_vdev);
	config_telling--;
	sim_current->in_irq = before;
}

/**
 * rig_needs_reset() - the device has met an error that only a reset mends
 */
void rig_needs_reset(void)
{
	status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	rig_config_changed();
}

static bool is_unlocked(void *arg)
{
	return !((struct device *)arg)->owner;
}

static void lock_device(struct device *dev)
{
	while (!device_trylock(dev))
		sim_block(is_unlocked, dev, SIM_FOREVER, "a device's lock");
}

/* What a virtio device offers and a driver wants; QEMU drops what it does not know. */
static int negotiate(u64 features)
{
	status = DRIVER_SAYS;
	if (rig_strict && features & ~offered())
		return -ENODEV;
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	return 0;
}

/**
 * rig_driver_wants() - what the driver takes of some features
 * @vdev: its features are set to that
 */
void rig_driver_wants(struct virtio_device *vdev, u64 features)
{
	u64 known = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;

	for (unsigned int i = 0; i < rig_driver->feature_table_size; i++)
		known |= 1ULL << rig_driver->feature_table[i];
	vdev->features = features & known;
	assert_int_equal(rig_driver->validate(vdev), 0);
}

static int bind(void)
{
	int err;

	rig_driver_wants(&rig_vdev, offered() & (rig_wanted | 1ULL << VIRTIO_F_VERSION_1));
	negotiate(rig_vdev.features);
	err = rig_driver->probe(&rig_vdev);
	rig = err ? NULL : rig_vdev.priv;
	if (!err)
		tell_config(true);
	return err;
}

static void unbind(void)
{
	tell_config(false);
	rig_driver->remove(&rig_vdev);
	rig = NULL;
	sim_check(!status || rig_gone, "the device has status %#x when its driver is gone", status);
}

/**
 * rig_try_probe() - probe the device, which may fail
 */
int rig_try_probe(void)
{
	int err;

	lock_device(&rig_vdev.dev);
	err = bind();
	device_unlock(&rig_vdev.dev);
	return err;
}

void rig_probe(void)
{
	assert_int_equal(rig_try_probe(), 0);
}

void rig_remove(void)
{
	lock_device(&rig_vdev.dev);
	unbind();
	device_unlock(&rig_vdev.dev);
}

/**
 * rig_virtio_start() - a device that offers and a driver that wants some features
 */
void rig_virtio_start(u64 features)
{
	transport = (struct device){};
	rig_vdev.dev.parent = &transport;
	rig_offered = rig_wanted = features;
	rig_strict = rig_gone = config_told = false;
	config_telling = rig_resets = device_refs = status = 0;
	assert_int_equal(sim_module_init(), 0);
}

void rig_virtio_stop(void)
{
	sim_module_exit();
	sim_check(!device_refs, "%u references of the device are left", device_refs);
}

int virtio_device_freeze(struct virtio_device *vdev)
{
	tell_config(false);
	return rig_driver->freeze(vdev);
}

int virtio_device_restore(struct virtio_device *vdev)
{
	int err;

	virtio_reset_device(vdev);
	err = negotiate(vdev->features);
	if (!err)
		err = rig_driver->restore(vdev);
	if (err) {
		status |= VIRTIO_CONFIG_S_FAILED;
		return err;
	}
	if (!(status & VIRTIO_CONFIG_S_DRIVER_OK))
		virtio_device_ready(vdev);
	tell_config(true);
	return 0;
}

/**
 * rig_sleep() - the transport puts its device to sleep, or is about to reset it
 */
void rig_sleep(void)
{
	lock_device(&transport);
	assert_int_equal(virtio_device_freeze(&rig_vdev), 0);
}

/**
 * rig_wake() - the device is there again
 * @reached: and the transport can speak to it
 *
 * Return: 0 or a negative errno.
 */
int rig_wake(bool reached)
{
	int err = reached ? virtio_device_restore(&rig_vdev) : -EIO;

	device_unlock(&transport);
	return err;
}

int device_reprobe(struct device *dev)
{
	lock_device(dev);
	if (rig)
		unbind();
	if (rig_gone || bind())
		rig = NULL;
	device_unlock(dev);
	return 0;
}

void get_device(struct device *dev)
{
	device_refs++;
}

void put_device(struct device *dev)
{
	device_refs--;
}
