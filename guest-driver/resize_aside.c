// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the guest that the host does not take: not RAM to it (persistent
 * memory that the guest uses as RAM, say), or the balloon's already.  Freed at
 * once it would be the next that the allocator hands out; so it is kept aside
 * while others are taken, and is the guest's again when the target is reached
 * or the guest has no more to give.  Likewise some blocks that the guest is to
 * have left: else the largest pieces are what the balloon takes first.
 *
 * Locks: resize.lock; never held over supply_*().
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/virtio.h>

#include "device.h"
#include "resize.h"
#include "supply.h"

/*
 * How much to spare, at most that and that share of the guest, and the largest
 * and the smallest pieces it comes in: smaller ones, and huge pages, would go
 * back to one processor's own lists.
 */
#define RESIZE_SPARE		(SZ_2M >> PAGE_SHIFT)
#define RESIZE_SPARE_SHARE	256
#define RESIZE_SPARE_MAX	(ilog2(RESIZE_SPARE) - 1)
#define RESIZE_SPARE_MIN	(PAGE_ALLOC_COSTLY_ORDER + 1)

/**
 * resize_spare() - set blocks aside before the balloon takes them all
 * @rz: initialised
 *
 * A guest left with single pages has to compact memory for each process it
 * starts, and one without anything to reclaim tries that once before it kills
 * somebody.  Where the kernel's own memory may be, in blocks that stay movable.
 *
 * Context: process; does not sleep.
 */
void resize_spare(struct resize *rz)
{
	gfp_t gfp = (MOBILITY_GFP & ~(__GFP_HIGHMEM | __GFP_RECLAIM)) |
		    __GFP_NOMEMALLOC | __GFP_NOWARN;
	unsigned int order = RESIZE_SPARE_MAX;
	unsigned long flags, left = totalram_pages() / RESIZE_SPARE_SHARE;
	struct page *page;
	LIST_HEAD(chunks);
	bool done;

	spin_lock_irqsave(&rz->lock, flags);
	done = !list_empty(&rz->aside);
	spin_unlock_irqrestore(&rz->lock, flags);
	if (done)
		return;
	left = min_t(unsigned long, left, RESIZE_SPARE);
	while (left >> RESIZE_SPARE_MIN) {
		order = min_t(unsigned int, order, ilog2(left));
		page = alloc_pages(gfp, order);
		if (page) {
			chunk_set_order(page, order);
			list_add_tail(&page->lru, &chunks);
			left -= 1UL << order;
		} else if (order-- == RESIZE_SPARE_MIN) {
			break;
		}
	}
	spin_lock_irqsave(&rz->lock, flags);
	list_splice_tail_init(&chunks, &rz->aside);
	spin_unlock_irqrestore(&rz->lock, flags);
}

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
