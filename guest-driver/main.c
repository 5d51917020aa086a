// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: which devices it drives and what it negotiates.  Nothing else.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "debugfs.h"
#include "device.h"

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

struct virtio_driver virtio_balloon_driver = {
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
	int err = recover_module_init();

	if (err)
		return err;
	balloon_debugfs_init();
	err = register_virtio_driver(&virtio_balloon_driver);
	if (err) {
		balloon_debugfs_exit();
		recover_module_exit();
	}
	return err;
}
module_init(balloon_init);

static void __exit balloon_exit(void)
{
	unregister_virtio_driver(&virtio_balloon_driver);
	recover_module_exit();
	balloon_debugfs_exit();
}
module_exit(balloon_exit);

MODULE_DESCRIPTION("Ballonet: virtio memory balloon with movable pages");
MODULE_VERSION(BALLONET_VERSION);
MODULE_LICENSE("GPL");
