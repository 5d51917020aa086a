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
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "hostcomm.h"
#include "virtio_balloon.h"

#define PFNS_PER_PAGE	(PAGE_SIZE >> VIRTIO_BALLOON_PFN_SHIFT)

static size_t pfn_wire_size(u32 pages)
{
	return array_size(pages, PFNS_PER_PAGE * sizeof(__virtio32));
}

static void pfn_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	__virtio32 *pfns = rq->wire;
	u32 pfn = page_to_pfn(page) * PFNS_PER_PAGE;
	u32 i, at = rq->pages * PFNS_PER_PAGE;

	for (i = 0; i < nr * PFNS_PER_PAGE; i++)
		pfns[at + i] = cpu_to_virtio32(rq->hc->vdev, pfn + i);
}

static int pfn_post(struct hostcomm_request *rq)
{
	struct virtqueue *vq = rq->hc->vqs[rq->op];
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, rq->wire, pfn_wire_size(rq->pages));
	err = virtqueue_add_outbuf(vq, &sg, 1, rq, GFP_ATOMIC);
	if (!err)
		virtqueue_kick(vq);
	return err;
}

static struct hostcomm_request *pfn_reap(struct hostcomm *hc)
{
	struct hostcomm_request *rq;
	unsigned int len;
	int op;

	for (op = 0; op < HOSTCOMM_NR_OPS; op++) {
		rq = virtqueue_get_buf(hc->vqs[op], &len);
		if (rq)
			return rq;
	}
	return NULL;
}

static struct hostcomm_request *pfn_detach(struct hostcomm *hc)
{
	struct hostcomm_request *rq;
	int op;

	for (op = 0; op < HOSTCOMM_NR_OPS; op++) {
		rq = hc->vqs[op] ? virtqueue_detach_unused_buf(hc->vqs[op]) : NULL;
		if (rq)
			return rq;
	}
	return NULL;
}

static bool pfn_broken(struct hostcomm *hc)
{
	int op;

	for (op = 0; op < HOSTCOMM_NR_OPS; op++)
		if (!hc->vqs[op] || virtqueue_is_broken(hc->vqs[op]))
			return true;
	return false;
}

const struct hostcomm_ops hostcomm_pfn_ops = {
	.name = "pfn",
	/* 32 bits of 4 KiB: 16 TiB. */
	.pfn_limit = (1ULL << 32) / PFNS_PER_PAGE,
	.wire_size = pfn_wire_size,
	.add = pfn_add,
	.post = pfn_post,
	.reap = pfn_reap,
	.detach = pfn_detach,
	.broken = pfn_broken,
};
