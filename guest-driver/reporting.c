// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting: the kernel takes blocks of free pages aside, we show
 * them to the host, which discards them, and they are free again.
 *
 * While the host has them they must stay aside: a block that went back before
 * the answer could be in use when the host discards it.  So a silent host
 * keeps at most one batch of free blocks, and only the end of the device ends
 * that wait: a queue that the driver cannot read any more may be one that the
 * device still reads.  Nobody but the reporting task waits.
 *
 * Locks: none; the kernel calls report() from one work item.
 */
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/scatterlist.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "compat/reporting.h"
#include "balloon.h"
#include "reporting.h"
#include "trace.h"

#define REPORTING_SILENCE	(10 * HZ)

static bool reporting_answer(struct balloon_reporting *rp)
{
	unsigned int len;

	return virtqueue_get_buf(rp->vq, &len);
}

/* Return: whether the host answered; false when it never will. */
static bool reporting_wait(struct balloon_reporting *rp)
{
	bool answered = false, told = false;

	while (!wait_event_timeout(rp->acked,
				   (answered = reporting_answer(rp)) ||
				   READ_ONCE(rp->stopped),
				   REPORTING_SILENCE)) {
		if (!told)
			dev_warn(&rp->vdev->dev,
				 "no answer for %u s; the free pages reported wait\n",
				 REPORTING_SILENCE / HZ);
		told = true;
	}
	return answered;
}

static int reporting_report(struct page_reporting_dev_info *pr,
			    struct scatterlist *sg, unsigned int nents)
{
	struct balloon_reporting *rp = container_of(pr, struct balloon_reporting,
						    pr);
	unsigned long pages = 0;
	unsigned int i;
	int err;

	err = virtqueue_add_inbuf(rp->vq, sg, nents, rp, GFP_NOWAIT | __GFP_NOWARN);
	if (err)
		return err;
	virtqueue_kick(rp->vq);
	if (!reporting_wait(rp))
		return -ENODEV;
	for (i = 0; i < nents; i++)
		pages += sg[i].length >> PAGE_SHIFT;
	rp->reported += pages;
	trace_virtio_balloon_report(nents, pages);
	return 0;
}

/**
 * reporting_answered() - virtqueue callback of reporting_vq
 * @vq: reporting_vq
 *
 * Context: interrupt.
 */
void reporting_answered(struct virtqueue *vq)
{
	struct virtio_balloon *vb = vq->vdev->priv;

	wake_up(&vb->reporting.acked);
}

/**
 * reporting_tell_poison() - tell the device what freed pages are filled with
 * @rp: initialised
 *
 * Before DRIVER_OK (5.5.6.6.1); the device then gives pages of that content
 * back, or leaves them alone.
 */
void reporting_tell_poison(struct balloon_reporting *rp)
{
	u32 val = want_init_on_free() ? 0 : 0x01010101U * PAGE_POISON;

	if (virtio_has_feature(rp->vdev, VIRTIO_BALLOON_F_PAGE_POISON))
		virtio_cwrite_le(rp->vdev, struct virtio_balloon_config,
				 poison_val, &val);
}

/**
 * reporting_init() - prepare, without a queue yet
 * @rp: zeroed
 * @vdev: the device
 */
void reporting_init(struct balloon_reporting *rp, struct virtio_device *vdev)
{
	rp->vdev = vdev;
	init_waitqueue_head(&rp->acked);
}

/**
 * reporting_start() - have free pages reported
 * @rp: initialised or stopped
 * @vq: reporting_vq, or NULL
 *
 * Where that cannot be, because another device does it already or the queue
 * is too short, the balloon works without.
 *
 * Context: may sleep; the device is ready.
 */
void reporting_start(struct balloon_reporting *rp, struct virtqueue *vq)
{
	int err;

	rp->vq = vq;
	if (!vq)
		return;
	WRITE_ONCE(rp->stopped, false);
	memset(&rp->pr, 0, sizeof(rp->pr));
	rp->pr.report = reporting_report;
	compat_reporting_pieces(&rp->pr);
	err = -ENOSPC;
	if (virtqueue_get_vring_size(vq) >= PAGE_REPORTING_CAPACITY)
		err = page_reporting_register(&rp->pr);
	rp->registered = !err;
	if (err)
		dev_warn(&rp->vdev->dev,
			 "free pages will not be reported: error %d\n", err);
}

/**
 * reporting_stop() - no reports any more
 * @rp: initialised
 *
 * Call after the device was reset: only then may a block that it did not
 * answer for be free again.
 *
 * Context: may sleep.
 */
void reporting_stop(struct balloon_reporting *rp)
{
	WRITE_ONCE(rp->stopped, true);
	wake_up(&rp->acked);
	if (rp->registered)
		page_reporting_unregister(&rp->pr);
	rp->registered = false;
}
