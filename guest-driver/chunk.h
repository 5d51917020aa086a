/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A chunk is how pages come and go: a naturally aligned power of two of pages with
 * one reference, on the first, linked by the first one's lru, its order in the
 * first one's index.
 *
 * Locks: none.
 */
#ifndef BALLONET_CHUNK_H
#define BALLONET_CHUNK_H

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/types.h>

/*
 * The largest chunk is 4 MiB on any page size: a kernel that zeroes what it
 * allocates makes the host back all of a chunk before it gets it back.
 */
#define BALLOON_MAX_ORDER \
	min_t(unsigned int, COMPAT_MAX_ORDER, ilog2(SZ_4M) - PAGE_SHIFT)

static inline unsigned int chunk_order(struct page *first)
{
	return *compat_page_index(first);
}

static inline void chunk_set_order(struct page *first, unsigned int order)
{
	*compat_page_index(first) = order;
}

static inline unsigned long chunk_pages(struct page *first)
{
	return 1UL << chunk_order(first);
}

void chunk_link(struct page *first, unsigned int order, struct list_head *chunks);
void chunk_link_run(struct page *first, unsigned long nr, struct list_head *chunks);
struct page *chunk_halve(struct page *first);

#endif
