// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the balloon's pages come from and go to: the guest's page allocator
 * and its count of managed memory.  Decides nothing and tells nobody.
 *
 * Locks: none; touches only pages that nobody else knows.
 */
#include <linux/mm.h>
#include <linux/log2.h>

#include "device.h"
#include "supply.h"

/*
 * Ballooned pages do not count as the guest's memory, unless the guest may
 * take them back by itself (DEFLATE_ON_OOM), as users of the stock driver
 * know it.  @sign: which way.
 */
static void supply_adjust_managed(struct virtio_balloon *vb,
				  struct list_head *chunks, long sign)
{
	struct page *page, *first = NULL;
	long nr = 0;

	if (!vb->managed)
		return;
	list_for_each_entry(page, chunks, lru) {
		if (first && page_zone(page) != page_zone(first)) {
			adjust_managed_page_count(first, sign * nr);
			nr = 0;
		}
		if (!nr)
			first = page;
		nr += chunk_pages(page);
	}
	if (nr)
		adjust_managed_page_count(first, sign * nr);
}

/**
 * supply_free() - give back chunks that were never the balloon's
 * @chunks: empty on return
 *
 * Context: process; does not sleep.
 */
void supply_free(struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		__free_pages(page, chunk_order(page));
	}
}

/**
 * supply_discharge() - undo supply_charge()
 * @vb: the device
 * @chunks: they
 *
 * Context: process; does not sleep.
 */
void supply_discharge(struct virtio_balloon *vb, struct list_head *chunks)
{
	supply_adjust_managed(vb, chunks, 1);
}

/**
 * supply_release() - give chunks that left the balloon back to the guest
 * @vb: the device
 * @chunks: from pages_take(), acknowledged by the host; empty on return
 *
 * Context: process; does not sleep.
 */
void supply_release(struct virtio_balloon *vb, struct list_head *chunks)
{
	supply_discharge(vb, chunks);
	supply_free(chunks);
}

/**
 * supply_split() - part a list of chunks
 * @chunks: loses its first chunks
 * @pages: as many as these hold, or fewer where one would hold more
 * @head: they are added here
 *
 * Context: any.
 */
void supply_split(struct list_head *chunks, unsigned long pages,
		  struct list_head *head)
{
	struct page *page, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(page, next, chunks, lru) {
		nr += chunk_pages(page);
		if (nr > pages)
			return;
		list_move_tail(&page->lru, head);
	}
}

/**
 * supply_charge() - chunks became the balloon's
 * @vb: the device
 * @chunks: they
 *
 * Context: process; does not sleep.
 */
void supply_charge(struct virtio_balloon *vb, struct list_head *chunks)
{
	supply_adjust_managed(vb, chunks, -1);
}

/**
 * supply_alloc() - take pages from the guest, largest blocks first
 * @rq: begun; the chunks are named in it and linked to its page_list
 * @max: guest pages it may name when done
 * @largest: largest order worth trying; lowered to what there is
 *
 * A block costs one allocation, and its pages reach the host side by side.
 * Never reclaims for a block, and never so hard for a page that somebody
 * would be killed for it (I4).
 *
 * Context: may sleep.
 */
void supply_alloc(struct hostcomm_request *rq, u64 max, unsigned int *largest)
{
	gfp_t gfp = MOBILITY_GFP | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;

	while (rq->pages < max) {
		unsigned int order = min_t(unsigned int, *largest,
					   ilog2(max - rq->pages));
		struct page *page;

		page = alloc_pages(order ? gfp & ~__GFP_RECLAIM : gfp, order);
		if (!page && !order)
			return;
		if (!page) {
			*largest = order - 1;
			continue;
		}
		if (!hostcomm_can_name(rq->hc, page_to_pfn(page) + (1UL << order) - 1) ||
		    !hostcomm_add(rq, page, 1U << order)) {
			__free_pages(page, order);
			return;
		}
		chunk_set_order(page, order);
		list_add_tail(&page->lru, &rq->page_list);
	}
}
