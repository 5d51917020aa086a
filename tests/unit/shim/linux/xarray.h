/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An array that grows; storing where nothing was may fail for want of memory, as
 * in slab.h.
 */
#ifndef SHIM_LINUX_XARRAY_H
#define SHIM_LINUX_XARRAY_H

#include <linux/slab.h>
#include <linux/types.h>

struct xarray {
	void **slots;
	unsigned long n;
	unsigned long used;
};

#define xa_init(xa)	(*(xa) = (struct xarray){})
#define xa_err(p)	((int)(intptr_t)(p))
#define xa_empty(xa)	(!(xa)->used)

static inline void xa_destroy(struct xarray *xa)
{
	free(xa->slots);
	xa_init(xa);
}

static inline void *xa_load(struct xarray *xa, unsigned long i)
{
	return i < xa->n ? xa->slots[i] : NULL;
}

static inline void *sim_xa_store(struct xarray *xa, unsigned long i, void *p)
{
	void *probe = xa_load(xa, i) ? NULL : sim_alloc(1);

	if (!xa_load(xa, i) && !probe)
		return (void *)-(intptr_t)ENOMEM;
	free(probe);
	xa->used += !xa_load(xa, i);
	if (i >= xa->n) {
		xa->slots = realloc(xa->slots, (i + 1) * sizeof(*xa->slots));
		memset(xa->slots + xa->n, 0, (i + 1 - xa->n) * sizeof(*xa->slots));
		xa->n = i + 1;
	}
	xa->slots[i] = p;
	return NULL;
}

#define xa_store(xa, i, p, gfp)	({ sim_gfp(gfp); sim_xa_store(xa, i, p); })

static inline void xa_erase(struct xarray *xa, unsigned long i)
{
	sim_check(xa_load(xa, i), "what was never stored is erased");
	xa->slots[i] = NULL;
	xa->used--;
}

#endif
