// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the guest that the host does not take: not RAM to it (persistent
 * memory that the guest uses as RAM, say), or the balloon's already.  Freed at
 * once it would be the next that the allocator hands out; so it is kept aside
 * while others are taken, and is the guest's again when the target is reached
 * or the guest has no more to give.
 *
 * Locks: resize.lock; never held over supply_*().
 */
#include <linux/mm.h>
#include <linux/virtio.h>

#include "device.h"
#include "resize.h"
#include "supply.h"

/**
 * resize_may_pass_over() - whether other pages may do where these did not
 * @rq: answered
 * @err: how
 */
bool resize_may_pass_over(const struct hostcomm_request *rq, int err)
{
	return rq->op == HOSTCOMM_INFLATE && (err == -EFAULT || err == -EBADSLT);
}

/**
 * resize_pass_over() - set refused chunks aside
 * @rz: initialised
 * @err: why they were refused
 * @chunks: they; with the first few may be some that the host would have taken.
 *	Empty on return.
 *
 * Context: process; does not sleep.
 */
void resize_pass_over(struct resize *rz, int err, struct list_head *chunks)
{
	unsigned long flags, nr = 0;
	struct page *page;
	bool first;

	list_for_each_entry(page, chunks, lru)
		nr += chunk_pages(page);
	spin_lock_irqsave(&rz->lock, flags);
	first = !rz->passed_over;
	rz->passed_over += nr;
	list_splice_tail_init(chunks, &rz->aside);
	spin_unlock_irqrestore(&rz->lock, flags);
	if (first)
		dev_info(&rz->vb->vdev->dev,
			 "the host does not take some pages: error %d; using others\n",
			 err);
}

/**
 * resize_batch() - guest pages to name in one inflate at most
 * @rz: initialised
 *
 * The host refuses whole ranges.  One that is known to take not all is asked
 * for a block at a time: no more is passed over for one page's sake.
 */
u32 resize_batch(struct resize *rz)
{
	unsigned long flags;
	u32 pages = rz->inflate_batch;

	spin_lock_irqsave(&rz->lock, flags);
	if (rz->passed_over)
		pages = 1U << BALLOON_MAX_ORDER;
	spin_unlock_irqrestore(&rz->lock, flags);
	return pages;
}

/**
 * resize_let_go() - give what was set aside back to the guest
 * @rz: initialised
 *
 * Context: process; does not sleep.  Return: how many pages.
 */
unsigned long resize_let_go(struct resize *rz)
{
	unsigned long flags, nr = 0;
	struct page *page;
	LIST_HEAD(chunks);

	spin_lock_irqsave(&rz->lock, flags);
	list_splice_init(&rz->aside, &chunks);
	spin_unlock_irqrestore(&rz->lock, flags);
	list_for_each_entry(page, &chunks, lru)
		nr += chunk_pages(page);
	supply_free(&chunks);
	return nr;
}
