// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel moves what is in use in a block to other free frames; the block
 * is freed in one piece.  Where the kernel zeroes what it allocates, it has
 * written to all of the block by then, so that the host backs memory that
 * nobody uses: the host is told that the block is in the balloon, and at once
 * that it is not.  In the driver's books it never is.
 *
 * Locks: none; each answer takes the block over from the one before.
 */
#include <linux/mm.h>

#include "compat/contig.h"
#include "balloon.h"
#include "alloc.h"
#include "evacuate.h"

/* How long a silent host is waited for. */
#define EVACUATE_TIMEOUT	(5 * HZ)

static void evacuate_left(struct hostcomm_request *rq, int err)
{
	struct evacuate *v = container_of(rq, struct evacuate, out);

	/*
	 * A host that refuses to let the block go still counts it as ballooned:
	 * then it is, and resize deflates it later.
	 */
	if (err && err != -ENODEV) {
		chunks_account(v->vb, &rq->page_list);
		pages_add(&v->vb->pages, &rq->page_list);
		pages_changed(&v->vb->pages);
	}
	chunks_free(&rq->page_list);
}

static void evacuate_entered(struct hostcomm_request *rq, int err)
{
	struct evacuate *v = container_of(rq, struct evacuate, in);
	struct page *first;

	if (err) {
		chunks_free(&rq->page_list);
		return;
	}
	first = list_first_entry(&rq->page_list, struct page, lru);
	hostcomm_begin(&v->out, HOSTCOMM_DEFLATE);
	list_splice_init(&rq->page_list, &v->out.page_list);
	WARN_ON_ONCE(!hostcomm_add(&v->out, first, rq->pages));
	hostcomm_submit(&v->out);
}

/**
 * evacuate_run() - make a block free
 * @v: idle
 * @first: its first page; memory that is online and stays so
 *
 * Context: may sleep; for the host at most twice EVACUATE_TIMEOUT, for the
 * kernel as long as its migration takes.
 * Return: 0; -EBUSY where something cannot be moved, -ENOMEM, -EINTR;
 * -ETIMEDOUT when the host does not answer: its answer will free the block.
 */
int evacuate_run(struct evacuate *v, struct page *first)
{
	unsigned long nr = 1UL << v->order, pfn = page_to_pfn(first);
	LIST_HEAD(chunks);
	int err = compat_alloc_contig(pfn, pfn + nr);

	if (err)
		return err;
	chunk_link(first, v->order, &chunks);
	if (chunk_order(first) != v->order || !want_init_on_alloc(MOBILITY_GFP)) {
		chunks_free(&chunks);
		return 0;
	}
	hostcomm_begin(&v->in, HOSTCOMM_INFLATE);
	list_splice_init(&chunks, &v->in.page_list);
	WARN_ON_ONCE(!hostcomm_add(&v->in, first, nr));
	hostcomm_submit(&v->in);
	return hostcomm_await(&v->in, EVACUATE_TIMEOUT) &&
	       hostcomm_await(&v->out, EVACUATE_TIMEOUT) ? 0 : -ETIMEDOUT;
}

/**
 * evacuate_init() - allocate all that will be needed
 * @v: zeroed
 * @vb: the device; hostcomm is initialised
 * @order: of the blocks
 *
 * Context: may sleep.  Return: 0 or -ENOMEM (then call evacuate_exit()).
 */
int evacuate_init(struct evacuate *v, struct virtio_balloon *vb, unsigned int order)
{
	u32 pages = 1U << order;
	int err;

	v->vb = vb;
	v->order = order;
	err = hostcomm_request_init(&vb->hostcomm, &v->in, pages, 1, evacuate_entered);
	if (!err)
		err = hostcomm_request_init(&vb->hostcomm, &v->out, pages, 1,
					    evacuate_left);
	return err;
}

/**
 * evacuate_exit() - free what evacuate_init() allocated
 * @v: nothing with the host; may be one whose init failed, or that had none
 */
void evacuate_exit(struct evacuate *v)
{
	hostcomm_request_exit(&v->in);
	hostcomm_request_exit(&v->out);
}
