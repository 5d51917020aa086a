/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a driver makes pages movable (kernels 6.0 to 6.16).
 */
#ifndef SHIM_LINUX_MIGRATE_H
#define SHIM_LINUX_MIGRATE_H

#include <linux/migrate_mode.h>
#include <linux/types.h>

#define PAGE_MAPPING_MOVABLE	2UL	/* as VM_MAPPING_MOVABLE */

struct page;
typedef unsigned int isolate_mode_t;

struct movable_operations {
	bool (*isolate_page)(struct page *page, isolate_mode_t mode);
	int (*migrate_page)(struct page *dst, struct page *src, enum migrate_mode mode);
	void (*putback_page)(struct page *page);
};

void __SetPageMovable(struct page *page, const struct movable_operations *ops);
void __ClearPageMovable(struct page *page);
bool __PageMovable(struct page *page);
const struct movable_operations *page_movable_ops(struct page *page);

#endif
