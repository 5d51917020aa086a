// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's own share of ballooning, without a balloon and without a host:
 * takes memory in the largest blocks there are, as a balloon would, and gives
 * it back. Where the kernel zeroes what it hands out, that is in it.
 *
 * Loading it is the measurement; the results are module parameters, read from
 * sysfs before it is unloaded. One thread, no lock.
 */
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int mib = 64;
module_param(mib, uint, 0444);
MODULE_PARM_DESC(mib, "memory to take, in MiB");

static unsigned int order = 10;
module_param(order, uint, 0444);
MODULE_PARM_DESC(order, "largest block to ask for");

static unsigned long long alloc_ns;
module_param(alloc_ns, ullong, 0444);
MODULE_PARM_DESC(alloc_ns, "result: time to take it");

static unsigned long long free_ns;
module_param(free_ns, ullong, 0444);
MODULE_PARM_DESC(free_ns, "result: time to give it back");

static unsigned int taken_mib;
module_param(taken_mib, uint, 0444);
MODULE_PARM_DESC(taken_mib, "result: how much it got");

/* The flags a balloon asks with: no reclaim for a block, no OOM for a page. */
static struct page *floor_page(unsigned int at)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_NOMEMALLOC | __GFP_NORETRY |
		    __GFP_NOWARN;

	return alloc_pages(at ? gfp & ~__GFP_RECLAIM : gfp, at);
}

static unsigned long floor_take(struct list_head *blocks, unsigned long pages)
{
	unsigned int at = order;
	unsigned long got = 0;

	while (got < pages) {
		struct page *page;

		while (at && (1UL << at) > pages - got)
			at--;
		page = floor_page(at);
		if (!page && !at)
			break;
		if (!page) {
			at--;
			continue;
		}
		set_page_private(page, at);
		list_add(&page->lru, blocks);
		got += 1UL << at;
		cond_resched();
	}
	return got;
}

static void floor_give(struct list_head *blocks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, blocks, lru) {
		unsigned int at = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, at);
		cond_resched();
	}
}

static int __init floor_init(void)
{
	LIST_HEAD(blocks);
	u64 begin = ktime_get_ns();
	unsigned long got = floor_take(&blocks, (unsigned long)mib << (20 - PAGE_SHIFT));
	u64 middle = ktime_get_ns();

	floor_give(&blocks);
	alloc_ns = middle - begin;
	free_ns = ktime_get_ns() - middle;
	taken_mib = got >> (20 - PAGE_SHIFT);
	return 0;
}

static void __exit floor_exit(void)
{
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_DESCRIPTION("What taking memory costs a guest that has no balloon");
MODULE_LICENSE("GPL");
