// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives ballooned pages back before the kernel kills a process for want of
 * memory, if the device allows that.  Allocates nothing; waits for the host,
 * but not for ever.
 *
 * Locks: none of its own; the kernel's oom_lock is held around the notifier,
 * so that it runs once at a time.
 */
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "oom.h"
#include "alloc.h"
#include "trace.h"

/* The stock driver's place among those who can give memory back. */
#define OOM_PRIORITY	80
/* A silent host must not keep the OOM killer from its work. */
#define OOM_TIMEOUT	HZ
/* Called again within this time, the need is larger than what was given. */
#define OOM_AGAIN	HZ
/* Guest pages given in one call at most. */
#define OOM_MOST	(16u * OOM_BATCH)

static void oom_done(struct hostcomm_request *rq, int err)
{
	struct virtio_balloon *vb = container_of(rq, struct virtio_balloon,
						 oom.rq);

	LIST_HEAD(chunks);

	/* A reset ends the host's right to them all. */
	if (err == -ENODEV)
		rq->acked = rq->pages;
	chunks_split(&rq->page_list, rq->acked, &chunks);
	chunks_release(vb, &chunks);
	vb->oom.released += rq->acked;
	/* What the host refused to give back is not freed. */
	pages_add(&vb->pages, &rq->page_list);
}

/*
 * Each call costs the one in need a search of all memory in vain, so who comes
 * again at once gets twice as much.  Return: guest pages to give now.
 */
static u32 oom_share(struct balloon_oom *oom)
{
	if (oom->share && time_before(jiffies, oom->last + OOM_AGAIN))
		return min(2 * oom->share, OOM_MOST);
	return OOM_BATCH;
}

/* Return: guest pages taken out; 0 if there are none or the host is silent. */
static u32 oom_give(struct virtio_balloon *vb, u32 max, unsigned long *freed)
{
	struct balloon_oom *oom = &vb->oom;
	struct page *page;
	u32 pages;

	*freed += resize_release(&vb->resize);
	/* From last time, when the host was silent: nothing new before that. */
	if (!hostcomm_await(&oom->rq, OOM_TIMEOUT))
		return 0;

	hostcomm_begin(&oom->rq, HOSTCOMM_DEFLATE);
	pages = pages_take(&vb->pages, min_t(u32, max, OOM_BATCH),
			   oom->rq.max_chunks, &oom->rq.page_list);
	if (!pages)
		return 0;
	list_for_each_entry(page, &oom->rq.page_list, lru)
		WARN_ON_ONCE(!hostcomm_add(&oom->rq, page, chunk_pages(page)));
	hostcomm_submit(&oom->rq);
	resize_ran_dry(&vb->resize);
	if (!hostcomm_await(&oom->rq, OOM_TIMEOUT))
		return 0;
	*freed += oom->rq.acked;
	trace_virtio_balloon_oom(pages, *freed);
	return pages;
}

static int oom_notify(struct notifier_block *nb, unsigned long unused, void *arg)
{
	struct virtio_balloon *vb = container_of(nb, struct virtio_balloon,
						 oom.nb);
	u32 share = oom_share(&vb->oom), given = 0, pages;

	do {
		pages = oom_give(vb, share - given, arg);
		given += pages;
	} while (pages && given < share);
	vb->oom.share = share;
	vb->oom.last = jiffies;
	return NOTIFY_OK;
}

/**
 * oom_init() - allocate what the emergency will need
 * @vb: hostcomm is initialised
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int oom_init(struct virtio_balloon *vb)
{
	vb->oom.nb.notifier_call = oom_notify;
	vb->oom.nb.priority = OOM_PRIORITY;
	return hostcomm_request_init(&vb->hostcomm, &vb->oom.rq, OOM_BATCH,
				     OOM_BATCH, oom_done);
}

/**
 * oom_exit() - undo oom_init()
 * @vb: may be one whose init failed; nothing is with the host
 */
void oom_exit(struct virtio_balloon *vb)
{
	hostcomm_request_exit(&vb->oom.rq);
}

/**
 * oom_start() - be called in an emergency, if the device allows it
 * @vb: started
 *
 * Context: may sleep.  Return: 0 or a negative errno.
 */
int oom_start(struct virtio_balloon *vb)
{
	if (!virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		return 0;
	return register_oom_notifier(&vb->oom.nb);
}

/**
 * oom_stop() - be called no more
 * @vb: started
 *
 * Context: may sleep, until a call that runs has ended.
 */
void oom_stop(struct virtio_balloon *vb)
{
	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		unregister_oom_notifier(&vb->oom.nb);
}
