// SPDX-License-Identifier: GPL-2.0-only
/*
 * The standard way to name pages: arrays of PFNs on inflateq and deflateq
 * (VIRTIO 1.4, 5.5.6).  One buffer, one descriptor, of as many PFNs as the
 * request has pages: the specification sets no limit.
 *
 * Called with hostcomm.lock held where hostcomm.h says so; takes no lock.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "hostcomm.h"
#include "virtio_balloon.h"

#define PFNS_PER_PAGE	(PAGE_SIZE >> VIRTIO_BALLOON_PFN_SHIFT)

static const enum hostcomm_vq pfn_vq[] = {
	[HOSTCOMM_INFLATE] = HOSTCOMM_VQ_INFLATE,
	[HOSTCOMM_DEFLATE] = HOSTCOMM_VQ_DEFLATE,
};

static size_t pfn_wire_size(u32 pages, u32 chunks)
{
	return array_size(pages, PFNS_PER_PAGE * sizeof(__virtio32));
}

static bool pfn_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	__virtio32 *pfns = rq->wire;
	u32 pfn = page_to_pfn(page) * PFNS_PER_PAGE;
	u32 i, at = rq->pages * PFNS_PER_PAGE;

	for (i = 0; i < nr * PFNS_PER_PAGE; i++)
		pfns[at + i] = cpu_to_virtio32(rq->hc->vdev, pfn + i);
	return true;
}

static int pfn_post(struct hostcomm_request *rq)
{
	struct virtqueue *vq = rq->hc->vqs[pfn_vq[rq->op]];
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, rq->wire, pfn_wire_size(rq->pages, 0));
	err = virtqueue_add_outbuf(vq, &sg, 1, rq, GFP_ATOMIC);
	if (!err && virtqueue_kick_prepare(vq))
		rq->hc->notify |= 1U << pfn_vq[rq->op];
	return err;
}

static struct hostcomm_request *pfn_reap(struct hostcomm *hc, int *err)
{
	struct hostcomm_request *rq;
	unsigned int i, len;

	for (i = 0; i < ARRAY_SIZE(pfn_vq); i++) {
		rq = virtqueue_get_buf(hc->vqs[pfn_vq[i]], &len);
		if (!rq)
			continue;
		/* There is no status: read means done. */
		rq->acked = rq->pages;
		*err = 0;
		return rq;
	}
	return NULL;
}

static struct hostcomm_request *pfn_detach(struct hostcomm *hc)
{
	struct hostcomm_request *rq;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pfn_vq); i++) {
		struct virtqueue *vq = hc->vqs[pfn_vq[i]];

		rq = vq ? virtqueue_detach_unused_buf(vq) : NULL;
		if (rq)
			return rq;
	}
	return NULL;
}

static bool pfn_broken(struct hostcomm *hc)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pfn_vq); i++) {
		struct virtqueue *vq = hc->vqs[pfn_vq[i]];

		if (!vq || virtqueue_is_broken(vq))
			return true;
	}
	return false;
}

const struct hostcomm_ops hostcomm_pfn_ops = {
	.name = "pfn",
	/* 32 bits of 4 KiB: 16 TiB. */
	.pfn_limit = (1ULL << 32) / PFNS_PER_PAGE,
	/* A device may discard each page by itself: 8 MiB are some milliseconds. */
	.batch_pages = SZ_8M >> PAGE_SHIFT,
	.zeroed_pages = SZ_8M >> PAGE_SHIFT,
	.batch_chunks = SZ_8M >> PAGE_SHIFT,
	.wire_size = pfn_wire_size,
	.add = pfn_add,
	.post = pfn_post,
	.reap = pfn_reap,
	.detach = pfn_detach,
	.broken = pfn_broken,
};
