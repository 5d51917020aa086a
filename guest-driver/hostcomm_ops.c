// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page ops: ranges of pages, in order, on one queue, with a status (see
 * spec/page-ops.md).  A buffer is an array of operations and room for the
 * status.
 *
 * Called with hostcomm.lock held where hostcomm.h says so; takes no lock.
 */
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "hostcomm.h"
#include "virtio_balloon.h"

#define UNITS_PER_PAGE	(PAGE_SIZE >> VIRTIO_BALLOON_PFN_SHIFT)

/* The device writes the status: it shares no cache line with the rest. */
struct ext_wire {
	struct virtio_balloon_ops_status status;
	u32 nr_ops;
	struct virtio_balloon_op op[] ____cacheline_aligned;
};

static size_t ext_wire_size(u32 pages, u32 chunks)
{
	struct ext_wire *wire;

	return struct_size(wire, op, chunks);
}

static void ext_begin(struct hostcomm_request *rq)
{
	struct ext_wire *wire = rq->wire;

	wire->nr_ops = 0;
}

static u64 ext_addr(struct page *page)
{
	return (u64)page_to_pfn(page) << PAGE_SHIFT;
}

static struct virtio_balloon_op *ext_last(struct ext_wire *wire)
{
	return wire->nr_ops ? &wire->op[wire->nr_ops - 1] : NULL;
}

static bool ext_append(struct hostcomm_request *rq, u16 type, u32 units,
		       u64 addr, u64 new_addr)
{
	struct ext_wire *wire = rq->wire;
	struct virtio_balloon_op *op;

	if (wire->nr_ops == rq->max_chunks)
		return false;
	op = &wire->op[wire->nr_ops++];
	op->type = cpu_to_le16(type);
	op->reserved = 0;
	op->count = cpu_to_le32(units);
	op->addr = cpu_to_le64(addr);
	op->new_addr = cpu_to_le64(new_addr);
	return true;
}

static u64 ext_end(u64 start, const struct virtio_balloon_op *op)
{
	return start + ((u64)le32_to_cpu(op->count) << VIRTIO_BALLOON_PFN_SHIFT);
}

static bool ext_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	struct virtio_balloon_op *last = ext_last(rq->wire);
	u32 units = nr * UNITS_PER_PAGE;
	u64 addr = ext_addr(page);
	u64 first = last ? le64_to_cpu(last->addr) : 0;

	/* Only upwards: the host's answer counts pages in the order added. */
	if (last && ext_end(first, last) == addr) {
		le32_add_cpu(&last->count, units);
		return true;
	}
	return ext_append(rq, rq->op == HOSTCOMM_INFLATE ?
			  VIRTIO_BALLOON_OP_INFLATE : VIRTIO_BALLOON_OP_DEFLATE,
			  units, addr, 0);
}

static bool ext_add_swap(struct hostcomm_request *rq, struct page *page,
			 struct page *newpage)
{
	struct virtio_balloon_op *last = ext_last(rq->wire);
	u64 addr = ext_addr(page), new_addr = ext_addr(newpage);

	if (last) {
		u64 first = le64_to_cpu(last->addr);
		u64 new_first = le64_to_cpu(last->new_addr);
		u64 end = ext_end(first, last);
		u64 new_end = ext_end(new_first, last);

		/* Ranges that would meet each other stay apart. */
		if (end == addr && new_end == new_addr &&
		    end != new_first && new_end != first) {
			le32_add_cpu(&last->count, UNITS_PER_PAGE);
			return true;
		}
	}
	return ext_append(rq, VIRTIO_BALLOON_OP_SWAP, UNITS_PER_PAGE, addr,
			  new_addr);
}

static int ext_post(struct hostcomm_request *rq)
{
	struct virtqueue *vq = rq->hc->vqs[HOSTCOMM_VQ_OPS];
	struct ext_wire *wire = rq->wire;
	struct scatterlist ops, status, *sgs[] = { &ops, &status };
	int err;

	/* What a device that writes nothing would leave. */
	wire->status.status = cpu_to_le32(VIRTIO_BALLOON_OPS_MALFORMED);
	wire->status.index = 0;
	sg_init_one(&ops, wire->op, wire->nr_ops * sizeof(wire->op[0]));
	sg_init_one(&status, &wire->status, sizeof(wire->status));
	err = virtqueue_add_sgs(vq, sgs, 1, 1, rq, GFP_ATOMIC);
	if (!err && virtqueue_kick_prepare(vq))
		rq->hc->notify |= 1U << HOSTCOMM_VQ_OPS;
	return err;
}

static int ext_errno(u32 status)
{
	switch (status) {
	case VIRTIO_BALLOON_OPS_OK:
		return 0;
	case VIRTIO_BALLOON_OPS_INHIBITED:
		return -EAGAIN;
	case VIRTIO_BALLOON_OPS_NOT_RAM:
		return -EFAULT;
	case VIRTIO_BALLOON_OPS_WRONG_STATE:
		return -EBADSLT;
	default:
		return -EINVAL;
	}
}

static struct hostcomm_request *ext_reap(struct hostcomm *hc, int *err)
{
	struct hostcomm_request *rq;
	struct ext_wire *wire;
	unsigned int len;
	u32 i, done, units = 0;

	rq = virtqueue_get_buf(hc->vqs[HOSTCOMM_VQ_OPS], &len);
	if (!rq)
		return NULL;
	wire = rq->wire;
	*err = ext_errno(le32_to_cpu(wire->status.status));
	done = *err ? min(le32_to_cpu(wire->status.index), wire->nr_ops) :
		      wire->nr_ops;
	for (i = 0; i < done; i++)
		units += le32_to_cpu(wire->op[i].count);
	/* The device may have written over the counts meanwhile. */
	rq->acked = *err ? min(units / (u32)UNITS_PER_PAGE, rq->pages) : rq->pages;
	return rq;
}

static struct hostcomm_request *ext_detach(struct hostcomm *hc)
{
	struct virtqueue *vq = hc->vqs[HOSTCOMM_VQ_OPS];

	return vq ? virtqueue_detach_unused_buf(vq) : NULL;
}

static bool ext_broken(struct hostcomm *hc)
{
	struct virtqueue *vq = hc->vqs[HOSTCOMM_VQ_OPS];

	return !vq || virtqueue_is_broken(vq);
}

const struct hostcomm_ops hostcomm_page_ops = {
	.name = "page-ops",
	.pfn_limit = U64_MAX,
	/*
	 * Where the guest writes to each page it takes, the host backs what is in
	 * requests until it has answered: up to three of the smaller ones.
	 */
	.batch_pages = SZ_256M >> PAGE_SHIFT,
	.zeroed_pages = 20 * SZ_1M >> PAGE_SHIFT,
	.batch_chunks = 1024,
	.swap = true,
	.wire_size = ext_wire_size,
	.begin = ext_begin,
	.add = ext_add,
	.add_swap = ext_add_swap,
	.post = ext_post,
	.reap = ext_reap,
	.detach = ext_detach,
	.broken = ext_broken,
};
