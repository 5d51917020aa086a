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

struct zone {
	long managed;
};

#endif
