/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bags of pages that the kernel's balloon core keeps for us, on kernels where
 * no driver owns movable pages itself: what mobility_core.c offers to
 * pages_core.c, pages_core_move.c and blocks_core.c.
 *
 * Locks: balloon_pages.lock, held by who fills or empties a bag -> the core's.
 */
#ifndef BALLONET_MOBILITY_CORE_H
#define BALLONET_MOBILITY_CORE_H

#include <linux/balloon.h>
#include <linux/list.h>

struct balloon_pages;
struct page;

/**
 * struct mobility_bag - pages that the kernel's balloon core keeps for us
 * @info: what page->private of its pages leads to; the core's
 * @bp: whose pages; set at init
 * @node: of a block: on balloon_pages.blocks or @spent; balloon_pages.lock
 * @left: pages that it holds, isolated ones included; balloon_pages.lock
 * @first: of a block: its first page; set before it is filled
 * @pages: of a block: how many it had; set before it is filled
 */
struct mobility_bag {
	struct balloon_dev_info info;
	struct balloon_pages *bp;
	struct list_head node;
	unsigned long left;
	struct page *first;
	unsigned long pages;
};

/**
 * struct mobility - where a device's pages are
 * @singles: all but those of blocks
 * @spent: bags of blocks that hold no page any more; balloon_pages.lock
 */
struct mobility {
	struct mobility_bag singles;
	struct list_head spent;
};

void mobility_bag_init(struct mobility_bag *bag, struct balloon_pages *bp);
void mobility_bag_fill(struct mobility_bag *bag, struct list_head *pages);
unsigned long mobility_bag_empty(struct mobility_bag *bag,
				 struct list_head *pages, unsigned long max);
bool mobility_bag_is_idle(struct mobility_bag *bag);
unsigned long mobility_bag_isolated(struct mobility_bag *bag);
struct mobility_bag *mobility_bag_of(struct page *page);
void mobility_let_go(struct page *page);

#endif
