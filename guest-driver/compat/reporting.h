/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large the pieces of free memory are that the kernel reports.  Those of
 * 5.14 and later can be asked for a size; before it is that of page blocks.
 */
#ifndef BALLONET_COMPAT_REPORTING_H
#define BALLONET_COMPAT_REPORTING_H

#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/page_reporting.h>
#include <linux/pageblock-flags.h>
#include <linux/sizes.h>

/**
 * compat_reporting_pieces() - ask for pieces of a page block, 2 MiB at most
 * @pr: zeroed, not registered
 *
 * Page blocks are 32 MiB with pages of 16 KiB and 512 MiB with those of
 * 64 KiB: a guest rarely has such a piece free.
 */
static inline void compat_reporting_pieces(struct page_reporting_dev_info *pr)
{
#ifdef HAVE_REPORTING_ORDER
	pr->order = min_t(unsigned int, pageblock_order, ilog2(SZ_2M) - PAGE_SHIFT);
#endif
}

#endif
