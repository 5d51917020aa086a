/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the driver's own; may be told to run out, to test that it is noticed.
 */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <stdlib.h>

#include <linux/gfp.h>

/* How many allocations succeed before one fails; < 0: all do. */
extern int sim_allocs_left;

static inline void *sim_alloc(size_t size)
{
	if (sim_allocs_left >= 0 && !sim_allocs_left--)
		return NULL;
	return calloc(1, size ? size : 1);
}

#define kzalloc(size, gfp)	({ sim_gfp(gfp); sim_alloc(size); })
#define kmalloc(size, gfp)	kzalloc(size, gfp)
#define kcalloc(n, size, gfp)	kzalloc((size_t)(n) * (size), gfp)
#define kfree(p)		free(p)

/* Large and for a job in the background: not worth that somebody is killed for it (I4). */
#define kvcalloc(n, size, gfp) ({ \
		sim_check((gfp) & (__GFP_RETRY_MAYFAIL | __GFP_NORETRY), \
			  "an allocation that may have somebody killed"); \
		kcalloc(n, size, gfp); \
	})
#define kvfree(p)		free(p)

#endif
