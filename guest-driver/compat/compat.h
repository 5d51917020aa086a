/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the supported kernels look like one.  The only file that may ask for
 * the kernel's version; everything else asks for a HAVE_* of Kbuild.include.
 * Forced into each object by Kbuild, so it includes as little as it can.
 */
#ifndef BALLONET_COMPAT_H
#define BALLONET_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "virtio_balloon: kernels before 5.10 are not supported"
#endif

#ifndef __ASSEMBLY__
/* Before any header that would settle it. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <linux/virtio_config.h>

#define COMPAT_VQS_MAX	8

/**
 * compat_find_vqs() - set up the virtqueues whose name is not NULL
 * @vdev: the device
 * @nvqs: length of the three arrays
 * @vqs: filled in; NULL where the name is NULL
 * @callbacks: called in interrupt context; may be NULL each
 * @names: NULL leaves a queue out, later ones move up
 *
 * The transport is never shown a gap: it would number the queues in the same
 * way, but that of s390x (6.1's for one) looks for the interrupts of those
 * after the gap in the wrong place, and nobody would hear of an answer.
 *
 * Context: may sleep.  Return: 0 or a negative errno of the transport.
 */
static inline int compat_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
				  struct virtqueue *vqs[],
				  vq_callback_t *callbacks[],
				  const char *const names[])
{
	struct virtqueue *found[COMPAT_VQS_MAX] = {};
#ifdef HAVE_VIRTQUEUE_INFO
	struct virtqueue_info info[COMPAT_VQS_MAX] = {};
#else
	vq_callback_t *callback[COMPAT_VQS_MAX];
	const char *name[COMPAT_VQS_MAX];
#endif
	unsigned int i, nr = 0;
	int err;

	if (nvqs > COMPAT_VQS_MAX)
		return -EINVAL;
	for (i = 0; i < nvqs; i++) {
		if (!names[i])
			continue;
#ifdef HAVE_VIRTQUEUE_INFO
		info[nr].name = names[i];
		info[nr++].callback = callbacks[i];
#else
		name[nr] = names[i];
		callback[nr++] = callbacks[i];
#endif
	}
#ifdef HAVE_VIRTQUEUE_INFO
	err = virtio_find_vqs(vdev, nr, found, info, NULL);
#else
	err = virtio_find_vqs(vdev, nr, found, callback, name, NULL);
#endif
	for (i = 0, nr = 0; i < nvqs; i++)
		vqs[i] = names[i] ? found[nr++] : NULL;
	return err;
}

/**
 * compat_reset_device() - stop a device
 * @vdev: the device
 *
 * Context: may sleep.
 */
static inline void compat_reset_device(struct virtio_device *vdev)
{
#ifdef HAVE_VIRTIO_RESET_DEVICE
	virtio_reset_device(vdev);
#else
	vdev->config->reset(vdev);
#endif
}

/**
 * compat_restart_device() - have a device reset, as for a suspend and back
 * @vdev: the device; locked
 *
 * Context: may sleep.
 * Return: as the driver's restore callback, or of what goes before it;
 * -EOPNOTSUPP where the kernel has no such thing.
 */
static inline int compat_restart_device(struct virtio_device *vdev)
{
#ifdef CONFIG_PM_SLEEP
	int err = virtio_device_freeze(vdev);

	return err ? err : virtio_device_restore(vdev);
#else
	return -EOPNOTSUPP;
#endif
}

/**
 * compat_device_features() - what a device offers, whatever was negotiated
 * @vdev: the device
 *
 * Context: may sleep.  Return: the first 64 bits.
 */
static inline u64 compat_device_features(struct virtio_device *vdev)
{
#ifdef HAVE_EXTENDED_FEATURES
	u64 features[VIRTIO_FEATURES_U64S];

	virtio_get_features(vdev, features);
	return features[0];
#else
	return vdev->config->get_features(vdev);
#endif
}

/* Whether free pages hold a pattern, and the kernel checks that they still do. */
static inline bool compat_pages_poisoned(void)
{
#ifdef HAVE_PAGE_POISONING_STATIC
	return page_poisoning_enabled_static();
#else
	return !IS_ENABLED(CONFIG_PAGE_POISONING_NO_SANITY) &&
	       page_poisoning_enabled();
#endif
}

/* For work that any CPU may do. */
#ifdef HAVE_SYSTEM_DFL_WQ
#define compat_unbound_wq	system_dfl_wq
#else
#define compat_unbound_wq	system_unbound_wq
#endif

/* Stops a timer, also one that starts itself again; waits until it does not run. */
static inline void compat_timer_delete_sync(struct timer_list *timer)
{
#ifdef HAVE_TIMER_DELETE_SYNC
	timer_delete_sync(timer);
#else
	del_timer_sync(timer);
#endif
}

/* A word of a page that is its owner's, while nobody else knows the page. */
static inline unsigned long *compat_page_index(struct page *page)
{
#ifdef HAVE_FOLIO_INDEX
	return &page->__folio_index;
#else
	return &page->index;
#endif
}

/* Largest order of the page allocator; up to 6.3 MAX_ORDER was one more. */
#if defined(MAX_PAGE_ORDER)
#define COMPAT_MAX_ORDER	MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define COMPAT_MAX_ORDER	MAX_ORDER
#else
#define COMPAT_MAX_ORDER	(MAX_ORDER - 1)
#endif
#endif /* __ASSEMBLY__ */
#endif
