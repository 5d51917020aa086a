/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages as a driver sees them; vm_model.c is what stands behind.
 */
#ifndef SHIM_LINUX_MM_H
#define SHIM_LINUX_MM_H

#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "vm_model.h"

#ifndef PAGE_SHIFT
#define PAGE_SHIFT	12
#endif
#define PAGE_SIZE	(1UL << PAGE_SHIFT)

#define page_count(p)		({ sim_point(); (p)->count; })
#define page_private(p)		((p)->private)
#define set_page_private(p, v)	((p)->private = (v))

struct page *alloc_pages(gfp_t gfp, unsigned int order);
#define alloc_pages_node(nid, gfp, order) ((void)(nid), alloc_pages(gfp, order))
void __free_pages(struct page *page, unsigned int order);
void split_page(struct page *page, unsigned int order);
void get_page(struct page *page);
void put_page(struct page *page);
bool get_page_unless_zero(struct page *page);
int alloc_contig_range(unsigned long start, unsigned long end, unsigned int type, gfp_t gfp);
bool page_ref_freeze(struct page *page, int count);
void page_ref_unfreeze(struct page *page, int count);
bool trylock_page(struct page *page);
void lock_page(struct page *page);
void unlock_page(struct page *page);
unsigned long page_to_pfn(struct page *page);
#define pfn_to_page(pfn)	(&vm_frames[(pfn) - VM_PFN_BASE])
struct zone *page_zone(struct page *page);
void adjust_managed_page_count(struct page *page, long n);
void __SetPageOffline(struct page *page);
void __ClearPageOffline(struct page *page);
unsigned long totalram_pages(void);
long si_mem_available(void);

/* What the guest's kernel was booted with. */
extern bool sim_init_on_free, sim_page_poisoning;

static inline bool want_init_on_free(void)
{
	return sim_init_on_free;
}

static inline bool page_poisoning_enabled_static(void)
{
	return sim_page_poisoning;
}

/* As Debian's kernels: the balloon's requests are the small ones. */
static inline bool want_init_on_alloc(gfp_t gfp)
{
	return true;
}

#endif
