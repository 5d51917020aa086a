// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting pages together to chunks, and cutting those up.
 *
 * Locks: none; touches only pages that are the caller's.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page_ref.h>

#include "chunk.h"
#include "mobility.h"

/*
 * The reverse of split_page(): one reference, on the first page.  Return: false
 * while somebody looks at one of the pages; then all keep their own reference.
 */
static bool chunk_join(struct page *first, unsigned long nr)
{
	unsigned long i;

	for (i = 1; i < nr; i++) {
		if (!page_ref_freeze(first + i, 1))
			goto undo;
	}
	/* Freeing a chunk looks for traces in all its pages but the first. */
	for (i = 1; i < nr; i++)
		mobility_forget(first + i);
	return true;
undo:
	while (--i)
		page_ref_unfreeze(first + i, 1);
	return false;
}

/**
 * chunk_link() - pages that follow each other become one chunk
 * @first: of pages with a reference each, the caller's; in no block
 * @order: how many, as a power of two; @first is aligned to it
 * @chunks: they are added here; in single pages, in order, if they cannot be
 *	joined
 *
 * Context: any.
 */
void chunk_link(struct page *first, unsigned int order, struct list_head *chunks)
{
	unsigned long i, nr = 1UL << order;

	if (chunk_join(first, nr)) {
		chunk_set_order(first, order);
		list_add_tail(&first->lru, chunks);
		return;
	}
	for (i = 0; i < nr; i++) {
		chunk_set_order(first + i, 0);
		list_add_tail(&first[i].lru, chunks);
	}
}

/* The same of pages without references, unless it is one. */
static void chunk_link_frozen(struct page *first, unsigned int order,
			      struct list_head *chunks)
{
	if (!page_count(first))
		page_ref_unfreeze(first, 1);
	chunk_set_order(first, order);
	list_add_tail(&first->lru, chunks);
}

/**
 * chunk_link_run() - pages that follow each other become chunks as large as can be
 * @first: of pages from mobility_claim(), aligned to nothing
 * @nr: how many
 * @chunks: they are added here, in order
 *
 * Context: any.
 */
void chunk_link_run(struct page *first, unsigned long nr,
		    struct list_head *chunks)
{
	unsigned int order;

	while (nr) {
		order = min_t(unsigned int, ilog2(nr), BALLOON_MAX_ORDER);
		order = min_t(unsigned int, order, __ffs(page_to_pfn(first) |
							 1UL << order));
		if (MOBILITY_FREEZES)
			chunk_link_frozen(first, order, chunks);
		else
			chunk_link(first, order, chunks);
		first += 1UL << order;
		nr -= 1UL << order;
	}
}

/**
 * chunk_halve() - cut a chunk in two
 * @first: of more than a page; the first half on return
 *
 * Context: any.  Return: the second half, with a reference of its own, linked nowhere.
 */
struct page *chunk_halve(struct page *first)
{
	unsigned int order = chunk_order(first) - 1;
	struct page *second = first + (1UL << order);

	page_ref_unfreeze(second, 1);
	chunk_set_order(first, order);
	chunk_set_order(second, order);
	return second;
}
