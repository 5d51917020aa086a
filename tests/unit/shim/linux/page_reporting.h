/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shim: free page reporting is not part of the model.
 */
#ifndef SHIM_LINUX_PAGE_REPORTING_H
#define SHIM_LINUX_PAGE_REPORTING_H

struct page_reporting_dev_info {
	int unused;
};

#endif
