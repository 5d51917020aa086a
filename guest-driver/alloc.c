// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the balloon's pages come from and go to: the guest's page allocator
 * and its count of managed memory; how much of it there is.  Decides nothing and
 * tells nobody.
 *
 * Locks: none; touches only pages that nobody else knows.
 */
#include <linux/mm.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "balloon.h"
#include "alloc.h"

static unsigned int floor_mib;
module_param(floor_mib, uint, 0444);
MODULE_PARM_DESC(floor_mib,
		 "available MiB that inflating leaves to the guest (0: 1/64, but 32 to 256)");

/**
 * memory_floor() - what must stay available of as much memory as there is now
 * @ballooned: guest pages of the balloon that do not count as memory
 *
 * Context: any.  Return: guest pages.
 */
unsigned long memory_floor(unsigned long ballooned)
{
	unsigned long total = totalram_pages() + ballooned;
	unsigned long mib = SZ_1M >> PAGE_SHIFT;

	if (floor_mib)
		return floor_mib * mib;
	return min(clamp(total / 64, 32 * mib, 256 * mib), total / 4);
}

/**
 * memory_usable() - what the guest could still use
 *
 * MemAvailable leaves out up to half of the page cache, and the free pages that
 * each processor keeps, which become many where the kernel reclaims cache as fast
 * as files are read.  The cache counts once more for both: a guest that has some
 * is not in need, and one without gains nothing.
 *
 * Context: any.  Return: guest pages.
 */
unsigned long memory_usable(void)
{
	long available = si_mem_available();

	return max(available, 0L) + global_node_page_state(NR_ACTIVE_FILE) +
	       global_node_page_state(NR_INACTIVE_FILE) +
	       global_node_page_state(NR_ISOLATED_FILE);
}

/*
 * Ballooned pages do not count as the guest's memory, unless the guest may
 * take them back by itself (DEFLATE_ON_OOM), as users of the stock driver
 * know it.  @sign: which way.
 */
static void chunks_adjust_managed(struct virtio_balloon *vb,
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
 * chunks_free() - give back chunks that were never the balloon's
 * @chunks: empty on return
 *
 * Context: process; does not sleep.
 */
void chunks_free(struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		__free_pages(page, chunk_order(page));
	}
}

/**
 * chunks_unaccount() - undo chunks_account()
 * @vb: the device
 * @chunks: they
 *
 * Context: process; does not sleep.
 */
void chunks_unaccount(struct virtio_balloon *vb, struct list_head *chunks)
{
	chunks_adjust_managed(vb, chunks, 1);
}

/**
 * chunks_release() - give chunks that left the balloon back to the guest
 * @vb: the device
 * @chunks: from pages_take(), acknowledged by the host; empty on return
 *
 * Context: process; does not sleep.
 */
void chunks_release(struct virtio_balloon *vb, struct list_head *chunks)
{
	chunks_unaccount(vb, chunks);
	chunks_free(chunks);
}

/**
 * chunks_split() - part a list of chunks
 * @chunks: loses its first chunks
 * @pages: as many as these hold, or fewer where one would hold more
 * @head: they are added here
 *
 * Context: any.
 */
void chunks_split(struct list_head *chunks, unsigned long pages,
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
 * chunks_account() - chunks became the balloon's
 * @vb: the device
 * @chunks: they
 *
 * Context: process; does not sleep.
 */
void chunks_account(struct virtio_balloon *vb, struct list_head *chunks)
{
	chunks_adjust_managed(vb, chunks, -1);
}

/**
 * chunk_alloc() - take some pages from the guest, a block if there is one
 * @max: pages at most; at least one
 * @largest: largest order worth trying; lowered to what there is
 * @nid: of this node of memory alone; NUMA_NO_NODE for any
 *
 * A block costs one allocation, and its pages reach the host side by side.
 * Never reclaims for a block, and never so hard for a page that somebody
 * would be killed for it (I4).
 *
 * Context: may sleep.  Return: the chunk, linked nowhere, or NULL.
 */
struct page *chunk_alloc(u64 max, unsigned int *largest, int nid)
{
	gfp_t gfp = MOBILITY_GFP | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	unsigned int order = min_t(unsigned int, *largest, ilog2(max));
	struct page *page;

	if (nid != NUMA_NO_NODE)
		gfp |= __GFP_THISNODE;
	for (;;) {
		page = alloc_pages_node(nid, order ? gfp & ~__GFP_RECLAIM : gfp, order);
		if (page)
			chunk_set_order(page, order);
		if (page || !order)
			return page;
		*largest = --order;
	}
}
