/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page blocks, as large as a huge page: one table of pages.
 */
#ifndef SHIM_LINUX_PAGEBLOCK_FLAGS_H
#define SHIM_LINUX_PAGEBLOCK_FLAGS_H

#include <linux/mm.h>

#define pageblock_order	(PAGE_SHIFT - 3)
#define pageblock_nr_pages (1UL << pageblock_order)

#endif
