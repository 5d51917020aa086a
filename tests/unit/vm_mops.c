// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a frame of the model leads to its driver on kernels where each module may
 * have callbacks of its own (6.1): through its mapping.  vm_core.c is the other
 * kind.
 */
#include <linux/mm.h>

const bool vm_core_keeps;
long vm_balloon_pages;

bool vm_core_busy(void)
{
	return false;
}

const struct movable_operations *vm_mops(const struct page *page)
{
	return (const void *)((uintptr_t)page->mapping & ~VM_MAPPING_MOVABLE);
}

bool vm_owned(const struct page *page)
{
	return vm_mops(page);
}

void __SetPageMovable(struct page *page, const struct movable_operations *ops)
{
	vm_need_lock(page, "made movable");
	sim_check(!vm_mops(page), "frame %lu made movable twice", vm_index(page));
	page->mapping = (const char *)ops + VM_MAPPING_MOVABLE;
}

void __ClearPageMovable(struct page *page)
{
	vm_need_lock(page, "made unmovable");
	sim_check(vm_mops(page), "frame %lu made unmovable, which it is", vm_index(page));
	page->mapping = (const void *)VM_MAPPING_MOVABLE;
}

bool __PageMovable(struct page *page)
{
	return (uintptr_t)page->mapping & VM_MAPPING_MOVABLE;
}

const struct movable_operations *page_movable_ops(struct page *page)
{
	vm_need_lock(page, "asked for its owner");
	sim_check(vm_mops(page), "frame %lu has no owner to ask", vm_index(page));
	return vm_mops(page);
}

void __SetPageOffline(struct page *page)
{
	sim_check(!page->offline, "frame %lu marked offline twice", vm_index(page));
	page->offline = true;
}
