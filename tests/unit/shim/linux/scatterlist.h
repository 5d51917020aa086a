/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of a buffer: memory of the driver's own, or pages of the model.
 */
#ifndef SHIM_LINUX_SCATTERLIST_H
#define SHIM_LINUX_SCATTERLIST_H

#include <linux/types.h>

struct page;

struct scatterlist {
	const void *buf;
	struct page *page;
	unsigned int length;
};

static inline void sg_init_table(struct scatterlist *sg, unsigned int n)
{
	memset(sg, 0, n * sizeof(*sg));
}

static inline void sg_init_one(struct scatterlist *sg, const void *buf, unsigned int len)
{
	*sg = (struct scatterlist){ .buf = buf, .length = len };
}

static inline void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int len,
			       unsigned int offset)
{
	sim_check(!offset, "a part that begins inside a page");
	*sg = (struct scatterlist){ .page = page, .length = len };
}

#endif
