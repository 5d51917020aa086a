// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module, and the ladder of a device and its reverse: what is negotiated;
 * what is allocated; what is started in which order with a device that is ready,
 * and stopped in exactly the reverse one, for good or for a sleep.
 *
 * Across a reset of its device (suspend, hibernation, a reset that the transport
 * makes, one that the device asks for) the balloon stays, and the host is told of
 * it again.  Where the device does not come back, or another one does, every page
 * is the guest's again, and the driver is bound anew, so that features are
 * negotiated with what is there now.
 *
 * Locks: none of its own.  The driver core calls one callback at a time for each
 * device; @recover runs only while the locks of the transport's device and of
 * ours are free: so not during a suspend or reset of the transport, and not
 * beside probe or remove.
 */
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "debugfs.h"
#include "balloon.h"

/* opsq comes after all standard queues (spec/page-ops.md, 2). */
#define BALLOON_VQ_OPS	VIRTIO_BALLOON_VQ_MAX
#define BALLOON_NR_VQS	(VIRTIO_BALLOON_VQ_MAX + 1)
/* When to look again whether the locks are free. */
#define RECOVER_LOOK		(HZ / 10)
/* A device that needs one reset after the other gets one in that time. */
#define RECOVER_PAUSE		(10 * HZ)

static bool page_ops = true;
module_param(page_ops, bool, 0444);
MODULE_PARM_DESC(page_ops, "speak of ranges where the device can (default: yes)");

static const struct virtio_device_id balloon_ids[] = {
	{ VIRTIO_BALLOON_DEVICE_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, balloon_ids);

static const unsigned int balloon_features[] = {
	VIRTIO_BALLOON_F_MUST_TELL_HOST,
	VIRTIO_BALLOON_F_STATS_VQ,
	VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
	VIRTIO_BALLOON_F_FREE_PAGE_HINT,
	VIRTIO_BALLOON_F_PAGE_POISON,
	VIRTIO_BALLOON_F_REPORTING,
	VIRTIO_BALLOON_F_PAGE_OPS,
};

/*
 * Hints and reports name free pages, which may come back, here or after a
 * migration, filled with something else than the guest's allocator left in
 * them.  That is right only if it leaves nothing, or if the device is told
 * what (PAGE_POISON).
 *
 * Both features go together: devices number queues by what they offer, the
 * transport by what was accepted, and with hints declined a report would go to
 * the queue of hints and be lost without a word.
 */
static void balloon_validate_filled(struct virtio_device *vdev)
{
	if (!want_init_on_free() && !compat_pages_poisoned()) {
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_PAGE_POISON);
	} else if (!virtio_has_feature(vdev, VIRTIO_BALLOON_F_PAGE_POISON)) {
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_REPORTING);
	}
}

/*
 * Indirect descriptors are allocated when a buffer is added, which must not
 * happen in reclaim; and the addresses the balloon speaks of are physical
 * ones, whatever a platform's IOMMU does (5.5.6: PFNs are not translated).
 */
static int balloon_validate(struct virtio_device *vdev)
{
	__virtio_clear_bit(vdev, VIRTIO_RING_F_INDIRECT_DESC);
	__virtio_clear_bit(vdev, VIRTIO_F_ACCESS_PLATFORM);
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1) || !page_ops)
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_PAGE_OPS);
	balloon_validate_filled(vdev);
	return 0;
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

	if (!virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_PAGE_OPS))
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
static bool balloon_is_alike(struct virtio_balloon *vb)
{
	u32 ops_max = vb->hostcomm.ops_max;

	return balloon_hostcomm_ops(vb) == vb->hostcomm.ops &&
	       vb->hostcomm.ops_max == ops_max &&
	       vb->managed == balloon_is_managed(vb->vdev);
}

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
static int balloon_start(struct virtio_balloon *vb)
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
	err = floor_start(vb);
	if (err)
		goto err_oom;
	reporting_tell_poison(&vb->reporting);
	virtio_device_ready(vb->vdev);
	pages_open(&vb->pages);
	hostcomm_start(&vb->hostcomm);
	stats_start(&vb->stats, vqs[VIRTIO_BALLOON_VQ_STATS]);
	reporting_start(&vb->reporting, vqs[VIRTIO_BALLOON_VQ_REPORTING]);
	resize_start(&vb->resize);
	gather_start(&vb->gather);
	/* The configuration may have changed before anybody listened. */
	hinting_changed(&vb->hinting);
	vb->started = true;
	return 0;

err_oom:
	oom_stop(vb);
err_hinting:
	hinting_quiesce(&vb->hinting);
	hinting_stop(&vb->hinting);
err_vqs:
	resize_keep_unacked(&vb->resize);
	vb->vdev->config->del_vqs(vb->vdev);
	return err;
}

/* Nothing begins any more: no resizing, no moves, no calls for memory. */
static void balloon_quiesce(struct virtio_balloon *vb)
{
	vb->started = false;
	resize_stop(&vb->resize);
	hinting_quiesce(&vb->hinting);
	stats_stop(&vb->stats);
	floor_stop(vb);
	/* Before waits end: who is about to be killed for memory waits for it. */
	oom_stop(vb);
	hostcomm_end_waits(&vb->hostcomm, true);
	gather_stop(&vb->gather);
	pages_close(&vb->pages);
	migrate_stop(&vb->migrate);
	/* Nobody waits any more but who stops the device. */
	hostcomm_end_waits(&vb->hostcomm, false);
}

/* Resets the device and ends what is still on its way. */
static void balloon_reset(struct virtio_balloon *vb)
{
	compat_reset_device(vb->vdev);
	reporting_stop(&vb->reporting);
	hinting_stop(&vb->hinting);
	hostcomm_stop(&vb->hostcomm);
	migrate_finish_undo(&vb->migrate);
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
static void balloon_stop(struct virtio_balloon *vb)
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
static void balloon_sleep(struct virtio_balloon *vb)
{
	balloon_quiesce(vb);
	resize_drain(&vb->resize);
	balloon_reset(vb);
	resize_keep_unacked(&vb->resize);
	/* A hibernation image leaves out only what is marked offline. */
	pages_publish_all(&vb->pages);
	vb->vdev->config->del_vqs(vb->vdev);
}

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
static void recover_init(struct virtio_balloon *vb)
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
static void recover_look(struct virtio_balloon *vb)
{
	queue_delayed_work(recover_wq, &vb->recover, 0);
}

/**
 * recover_stop() - look no more
 * @vb: initialised; nobody calls recover_look() any more
 *
 * Context: may sleep; the lock of the device may be held.
 */
static void recover_stop(struct virtio_balloon *vb)
{
	cancel_delayed_work_sync(&vb->recover);
}

/**
 * balloon_freeze() - the device is about to be reset
 * @vdev: probed
 *
 * Return: 0.
 */
static int __maybe_unused balloon_freeze(struct virtio_device *vdev)
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
static int __maybe_unused balloon_restore(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;
	int err = -ENODEV;

	if (compat_device_features(vdev) == vb->offered && balloon_is_alike(vb))
		err = balloon_start(vb);
	if (err)
		resize_free_rest(&vb->resize);
	return err;
}

static void balloon_free(struct virtio_balloon *vb)
{
	oom_exit(vb);
	floor_exit(vb);
	hinting_exit(&vb->hinting);
	gather_exit(&vb->gather);
	resize_exit(&vb->resize);
	migrate_exit(&vb->migrate);
	hostcomm_exit(&vb->hostcomm);
	pages_exit(&vb->pages);
	if (vb->vdev->priv == vb)
		vb->vdev->priv = NULL;
	kfree(vb);
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
	pages_init(&vb->pages, balloon_block_size(vb));
	stats_init(&vb->stats, vdev);
	reporting_init(&vb->reporting, vdev);
	err = hostcomm_init(&vb->hostcomm, vdev, balloon_hostcomm_ops(vb));
	if (!err)
		err = migrate_init(&vb->migrate, &vb->pages, &vb->hostcomm,
				   vb->managed);
	if (!err)
		err = resize_init(&vb->resize, vb);
	if (!err)
		err = gather_init(&vb->gather, vb, balloon_block_size(vb));
	if (!err)
		err = floor_init(vb);
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
static int balloon_probe(struct virtio_device *vdev)
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
static void balloon_remove(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;
	u8 status;

	recover_stop(vb);
	balloon_debugfs_remove(vb);
	if (vb->started) {
		balloon_stop(vb);
	} else {
		/* It was reset, and did not come back. */
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
static void balloon_config_changed(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	resize_retarget(&vb->resize);
	hinting_changed(&vb->hinting);
	recover_look(vb);
}

static struct virtio_driver virtio_balloon_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.id_table = balloon_ids,
	.feature_table = balloon_features,
	.feature_table_size = ARRAY_SIZE(balloon_features),
	.validate = balloon_validate,
	.probe = balloon_probe,
	.remove = balloon_remove,
	.config_changed = balloon_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = balloon_freeze,
	.restore = balloon_restore,
#endif
};

static int __init balloon_init(void)
{
	int err;

	recover_wq = alloc_workqueue("virtio_balloon_recover",
				     WQ_FREEZABLE | WQ_UNBOUND, 0);
	if (!recover_wq)
		return -ENOMEM;
	err = floor_register();
	if (err)
		goto err_wq;
	balloon_debugfs_init();
	err = register_virtio_driver(&virtio_balloon_driver);
	if (!err)
		return 0;
	balloon_debugfs_exit();
	floor_unregister();
err_wq:
	destroy_workqueue(recover_wq);
	return err;
}
module_init(balloon_init);

static void __exit balloon_exit(void)
{
	unregister_virtio_driver(&virtio_balloon_driver);
	floor_unregister();
	destroy_workqueue(recover_wq);
	balloon_debugfs_exit();
}
module_exit(balloon_exit);

MODULE_DESCRIPTION("Ballonet: virtio memory balloon with movable pages");
MODULE_VERSION(BALLONET_VERSION);
MODULE_LICENSE("GPL");
