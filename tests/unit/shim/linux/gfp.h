/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation flags: of interest here is only whether they may sleep.
 */
#ifndef SHIM_LINUX_GFP_H
#define SHIM_LINUX_GFP_H

#include <linux/types.h>

typedef unsigned int gfp_t;

#define __GFP_RECLAIM		1u
#define __GFP_NOWARN		2u
#define __GFP_NORETRY		4u
#define __GFP_NOMEMALLOC	8u
#define __GFP_THISNODE		0u
#define GFP_KERNEL		__GFP_RECLAIM
#define NUMA_NO_NODE		(-1)
#define __GFP_HIGHMEM		128u
#define GFP_HIGHUSER_MOVABLE	(__GFP_RECLAIM | __GFP_HIGHMEM | 16u)
#define GFP_ATOMIC		32u
#define GFP_NOWAIT		64u
#define __GFP_RETRY_MAYFAIL	256u
#define MIGRATE_MOVABLE		1

static inline void sim_gfp(gfp_t gfp)
{
	if (gfp & __GFP_RECLAIM)
		sim_might_sleep("an allocation that may reclaim");
}

#endif
