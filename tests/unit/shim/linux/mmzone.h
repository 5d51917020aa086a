/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zones: what is managed in each.
 */
#ifndef SHIM_LINUX_MMZONE_H
#define SHIM_LINUX_MMZONE_H

#include <linux/types.h>

#define MAX_ORDER	11
#define PAGE_ALLOC_COSTLY_ORDER	3

enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE };

#define MAX_NR_ZONES	(ZONE_MOVABLE + 1)

/**
 * struct zone - as far as somebody asks
 * @managed: pages of the guest's allocator
 * @zone_start_pfn: its first frame
 * @spanned: how many
 * @pageset: see cpumask.h
 */
struct zone {
	long managed;
	unsigned long zone_start_pfn;
	unsigned long spanned;
	struct {
		struct {
			int count;
		} pcp;
	} *pageset;
};

struct sim_node {
	struct zone node_zones[MAX_NR_ZONES];
};

/* One node; the model's zones are its first. */
extern struct sim_node sim_node;

#define NODE_DATA(nid)		(&sim_node)
#define for_each_online_node(nid) for ((nid) = 0; (nid) < 1; (nid)++)
#define populated_zone(zone)	((zone)->spanned)
#define zone_end_pfn(zone)	((zone)->zone_start_pfn + (zone)->spanned)
#define low_wmark_pages(zone)	((void)(zone), 0UL)

#endif
