/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's balloon core (7.0 and later); vm_core.c stands behind it.
 */
#ifndef SHIM_LINUX_BALLOON_H
#define SHIM_LINUX_BALLOON_H

#include <linux/list.h>
#include <linux/migrate.h>

struct balloon_dev_info {
	unsigned long isolated_pages;
	struct list_head pages;
	int (*migratepage)(struct balloon_dev_info *info, struct page *newpage, struct page *page,
			   enum migrate_mode mode);
	bool adjust_managed_page_count;
};

size_t balloon_page_list_enqueue(struct balloon_dev_info *info, struct list_head *pages);
size_t balloon_page_list_dequeue(struct balloon_dev_info *info, struct list_head *pages,
				 size_t max);

static inline void balloon_devinfo_init(struct balloon_dev_info *info)
{
	*info = (struct balloon_dev_info){};
	INIT_LIST_HEAD(&info->pages);
}

#endif
