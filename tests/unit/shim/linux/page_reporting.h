/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of free page reporting; the test that has a reporter keeps it.
 */
#ifndef SHIM_LINUX_PAGE_REPORTING_H
#define SHIM_LINUX_PAGE_REPORTING_H

#include <linux/types.h>

struct scatterlist;

/* The most blocks in one report. */
#define PAGE_REPORTING_CAPACITY	32

/**
 * struct page_reporting_dev_info - who reports
 * @report: called with free blocks that are set aside until it returns
 * @order: the smallest block
 */
struct page_reporting_dev_info {
	int (*report)(struct page_reporting_dev_info *pr, struct scatterlist *sg,
		      unsigned int n);
	unsigned int order;
};

int page_reporting_register(struct page_reporting_dev_info *pr);
void page_reporting_unregister(struct page_reporting_dev_info *pr);

#endif
