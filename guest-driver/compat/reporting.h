/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large the pieces of free memory are that the kernel reports: newer
 * kernels take the order 0 at its word.
 */
#ifndef BALLONET_COMPAT_REPORTING_H
#define BALLONET_COMPAT_REPORTING_H

#include <linux/page_reporting.h>

/**
 * compat_reporting_pieces() - leave the size of pieces to the kernel
 * @pr: zeroed, not registered
 *
 * That is whole page blocks.
 */
static inline void compat_reporting_pieces(struct page_reporting_dev_info *pr)
{
#ifdef PAGE_REPORTING_ORDER_UNSPECIFIED
	pr->order = PAGE_REPORTING_ORDER_UNSPECIFIED;
#endif
}

#endif
