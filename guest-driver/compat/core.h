/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's balloon core leaves undone.
 */
#ifndef BALLONET_COMPAT_CORE_H
#define BALLONET_COMPAT_CORE_H

#include <linux/mm.h>
#include <linux/vmstat.h>

/**
 * compat_core_moved_page() - a page leaves the balloon by migration (-ENOENT)
 * @page: it
 *
 * The core does not take it off the node's balloon pages (7.0 to 7.2 at least).
 * No header tells a kernel that does from one that does not, nor does anything
 * that a module may ask: tests/vm/test_compaction.py compares `Balloon` in
 * /proc/meminfo with the balloon's size, and fails on a kernel that does.
 */
static inline void compat_core_moved_page(struct page *page)
{
	dec_node_page_state(page, NR_BALLOON_PAGES);
}

#endif
