// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon across a reset of its device: suspend, hibernation, a reset that
 * the transport makes, and one that the device asks for.  The balloon stays, and
 * the host is told of it again (resize_sleep.c).
 *
 * Where the device does not come back, or another one does, every page is the
 * guest's again, and the driver is bound anew, so that features are negotiated
 * with what is there now.
 *
 * Context: suspend and resume callbacks of the driver core, one at a time, and
 * @recover, which runs only while the locks of the transport's device and of
 * ours are free: so not between those callbacks, and not beside remove.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "device.h"

/* When to look again whether the locks are free. */
#define RECOVER_LOOK		(HZ / 10)
/* A device that needs one reset after the other gets one in that time. */
#define RECOVER_PAUSE		(10 * HZ)

/* Frozen while the system is suspended: what it finds is what resume left. */
static struct workqueue_struct *recover_wq;

/**
 * struct recover_bind - binds a device anew
 * @work: not part of the device, which is gone and there again in between
 * @vdev: with a reference
 */
struct recover_bind {
	struct work_struct work;
	struct virtio_device *vdev;
};

static void recover_bind(struct work_struct *work)
{
	struct recover_bind *rb = container_of(work, struct recover_bind, work);
	struct device *dev = &rb->vdev->dev;
	int err = device_reprobe(dev);

	if (err < 0)
		dev_warn(dev, "the balloon cannot begin anew: error %d\n", err);
	put_device(dev);
	kfree(rb);
}

/* The device is not started, and will not be: nothing knows of the balloon. */
static void recover_begin_anew(struct virtio_balloon *vb)
{
	struct recover_bind *rb;

	resize_free_rest(&vb->resize);
	dev_info(&vb->vdev->dev,
		 "the device is not what it was; the balloon begins anew\n");
	rb = kzalloc(sizeof(*rb), GFP_KERNEL);
	if (!rb)
		return;
	INIT_WORK(&rb->work, recover_bind);
	rb->vdev = vb->vdev;
	get_device(&vb->vdev->dev);
	queue_work(recover_wq, &rb->work);
}

static bool recover_needs_reset(struct virtio_device *vdev)
{
	u8 status = vdev->config->get_status(vdev);

	/* All bits are set where nobody answers any more. */
	return status != 0xff && status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Return: jiffies until it is to be looked at again, or 0. */
static unsigned long recover_locked(struct virtio_balloon *vb)
{
	struct virtio_device *vdev = vb->vdev;

	if (vb->started && recover_needs_reset(vdev)) {
		if (time_before(jiffies, vb->reset_next))
			return vb->reset_next - jiffies;
		vb->reset_next = jiffies + RECOVER_PAUSE;
		dev_warn(&vdev->dev, "the device asks for a reset; the balloon stays\n");
		if (compat_restart_device(vdev) == -EOPNOTSUPP)
			balloon_sleep(vb);
	}
	if (!vb->started)
		recover_begin_anew(vb);
	return 0;
}

static void recover_work(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(work, struct virtio_balloon,
						 recover.work);
	struct device *dev = &vb->vdev->dev;
	unsigned long delay = RECOVER_LOOK;

	/* Who holds them may wait for this work to end. */
	if (device_trylock(dev->parent)) {
		if (device_trylock(dev)) {
			delay = recover_locked(vb);
			device_unlock(dev);
		}
		device_unlock(dev->parent);
	}
	if (delay)
		queue_delayed_work(recover_wq, &vb->recover, delay);
}

/**
 * recover_init() - prepare
 * @vb: zeroed, with its device
 */
void recover_init(struct virtio_balloon *vb)
{
	INIT_DELAYED_WORK(&vb->recover, recover_work);
	/* Not before, lest a device is bound and reset in turns. */
	vb->reset_next = jiffies + RECOVER_PAUSE;
	vb->offered = compat_device_features(vb->vdev);
}

/**
 * recover_look() - the device may need help
 * @vb: initialised
 *
 * Context: any, interrupts too.
 */
void recover_look(struct virtio_balloon *vb)
{
	queue_delayed_work(recover_wq, &vb->recover, 0);
}

/**
 * recover_stop() - look no more
 * @vb: initialised; nobody calls recover_look() any more
 *
 * Context: may sleep; the lock of the device may be held.
 */
void recover_stop(struct virtio_balloon *vb)
{
	cancel_delayed_work_sync(&vb->recover);
}

/**
 * recover_module_init() - once, before the first device
 *
 * Return: 0 or -ENOMEM.
 */
int recover_module_init(void)
{
	recover_wq = alloc_workqueue("virtio_balloon_recover",
				     WQ_FREEZABLE | WQ_UNBOUND, 0);
	return recover_wq ? 0 : -ENOMEM;
}

/**
 * recover_module_exit() - once, when no device has the driver any more
 */
void recover_module_exit(void)
{
	destroy_workqueue(recover_wq);
}

/**
 * balloon_freeze() - the device is about to be reset
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
	/* Looks whether balloon_restore() was ever called. */
	recover_look(vb);
	return 0;
}

/**
 * balloon_restore() - the device was reset
 * @vdev: frozen; the features of before are negotiated again
 *
 * The virtio core does not ask what the device offers now, and a device may
 * drop features that it does not know without a word.
 *
 * Return: 0; -ENODEV for another device; a negative errno of setting the queues
 * up.  The guest has all pages then.
 */
int balloon_restore(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;
	int err = -ENODEV;

	if (compat_device_features(vdev) == vb->offered && balloon_is_alike(vb))
		err = balloon_start(vb);
	if (err)
		resize_free_rest(&vb->resize);
	return err;
}
