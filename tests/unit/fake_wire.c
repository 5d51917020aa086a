// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a request to the host of fake_host.h says, and what the host believes of
 * each frame from its post until the driver has read the answer.  Knows nothing
 * of queues.
 */
#include <linux/mm.h>

#include "fake_wire.h"

/* What a request says, as runs of pages. */
struct fake_wire {
	u32 nr;
	struct fake_op {
		u64 pfn, new_pfn;
		u32 pages;
	} op[];
};

size_t fake_wire_size(u32 pages, u32 chunks)
{
	/* No more than there are frames to name: small machines start quickly. */
	return sizeof(struct fake_wire) +
	       min((unsigned long)max(pages, chunks), vm_nr_frames) * sizeof(struct fake_op);
}

void fake_wire_begin(struct hostcomm_request *rq)
{
	((struct fake_wire *)rq->wire)->nr = 0;
}

static bool append(struct hostcomm_request *rq, struct page *page, struct page *newpage, u32 nr)
{
	struct fake_wire *wire = rq->wire;
	struct fake_op *last = &wire->op[wire->nr - 1];
	u64 pfn = page_to_pfn(page);

	/* Runs grow upwards, as on opsq: the count of operations is bounded. */
	if (wire->nr && !newpage && last->pfn + last->pages == pfn) {
		last->pages += nr;
		return true;
	}
	if (wire->nr == (rq->hc->ops->swap ? rq->max_chunks : rq->max_pages))
		return false;
	sim_check(wire->nr < vm_nr_frames, "a request names more pages than there are");
	wire->op[wire->nr++] = (struct fake_op){
		.pfn = pfn, .new_pfn = newpage ? page_to_pfn(newpage) : 0, .pages = nr,
	};
	return true;
}

bool fake_wire_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	sim_check(rq->op != HOSTCOMM_SWAP, "a page added to a swap without another");
	return append(rq, page, NULL, nr);
}

bool fake_wire_add_swap(struct hostcomm_request *rq, struct page *page, struct page *newpage)
{
	sim_check(rq->op == HOSTCOMM_SWAP, "a swap added to something else");
	return append(rq, page, newpage, 1);
}

static void believe_page(u64 pfn, enum vm_host from, enum vm_host to)
{
	struct page *page;

	sim_check(pfn >= VM_PFN_BASE && pfn - VM_PFN_BASE < vm_nr_frames,
		  "the host is told of frame %#llx, which is none", pfn);
	page = &vm_frames[pfn - VM_PFN_BASE];
	sim_check(page->owner != VM_FREE, "a request names frame %llu, which is free",
		  pfn - VM_PFN_BASE);
	sim_check(page->host == from, "frame %llu goes from host state %d to %d, but is in %d (I1)",
		  pfn - VM_PFN_BASE, from, to, page->host);
	page->host = to;
}

/* The pages [@first, @end) of a request: those that enter, those that leave. */
static void believe(struct hostcomm_request *rq, u32 first, u32 end, enum vm_host in_from,
		    enum vm_host in_to, enum vm_host out_from, enum vm_host out_to)
{
	struct fake_wire *wire = rq->wire;
	u32 at = 0;

	for (u32 o = 0; o < wire->nr; o++) {
		for (u32 i = 0; i < wire->op[o].pages; i++, at++) {
			u64 pfn = wire->op[o].pfn + i;

			if (at < first || at >= end)
				continue;
			if (rq->op == HOSTCOMM_SWAP)
				believe_page(wire->op[o].new_pfn + i, in_from, in_to);
			if (rq->op == HOSTCOMM_INFLATE)
				believe_page(pfn, in_from, in_to);
			else
				believe_page(pfn, out_from, out_to);
		}
	}
	sim_check(at == rq->pages, "a request of %u pages names %u", rq->pages, at);
}

/* The driver posted a request. */
void fake_wire_sent(struct hostcomm_request *rq)
{
	believe(rq, 0, rq->pages, VM_HOST_OUT, VM_HOST_ENTERING, VM_HOST_IN, VM_HOST_LEAVING);
}

/* The driver reads the answer: the host did the first rq->acked pages of it. */
void fake_wire_read(struct hostcomm_request *rq)
{
	believe(rq, 0, rq->acked, VM_HOST_ENTERING, VM_HOST_IN, VM_HOST_LEAVING, VM_HOST_OUT);
	believe(rq, rq->acked, rq->pages, VM_HOST_ENTERING, VM_HOST_OUT, VM_HOST_LEAVING,
		VM_HOST_IN);
}

u32 fake_wire_ops(struct hostcomm_request *rq)
{
	return ((struct fake_wire *)rq->wire)->nr;
}

/* Operations of a request before the first by which a frame from @first to @last enters. */
u32 fake_wire_ops_before(struct hostcomm_request *rq, struct page *first, struct page *last)
{
	struct fake_wire *wire = rq->wire;
	u32 o = 0;

	while (o < wire->nr && (wire->op[o].pfn > page_to_pfn(last) ||
				wire->op[o].pfn + wire->op[o].pages <= page_to_pfn(first)))
		o++;
	return o;
}

/* Guest pages in the first operations of a request. */
u32 fake_wire_pages(struct hostcomm_request *rq, u32 ops)
{
	struct fake_wire *wire = rq->wire;
	u32 pages = 0;

	while (ops--)
		pages += wire->op[ops].pages;
	return pages;
}

/* How many frames of these the operations from @op on name. */
u32 fake_wire_frames_of(struct hostcomm_request *rq, u32 op, struct page *first, struct page *last)
{
	struct fake_wire *wire = rq->wire;
	u32 frames = 0;

	for (; op < wire->nr; op++) {
		unsigned long from = max(wire->op[op].pfn, page_to_pfn(first));
		unsigned long end = wire->op[op].pfn + wire->op[op].pages;
		unsigned long to = min(end, page_to_pfn(last) + 1);

		frames += to > from ? to - from : 0;
	}
	return frames;
}
