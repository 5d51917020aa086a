/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events that the driver counts.
 */
#ifndef SHIM_LINUX_VMSTAT_H
#define SHIM_LINUX_VMSTAT_H

enum vm_event_item {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_MIGRATE,
	PSWPIN,
	PSWPOUT,
	PGFAULT,
	PGMAJFAULT,
	OOM_KILL,
	ALLOCSTALL_DMA,
	ALLOCSTALL_DMA32,
	ALLOCSTALL_NORMAL,
	ALLOCSTALL_MOVABLE,
	PGSCAN_KSWAPD,
	PGSCAN_DIRECT,
	PGSTEAL_KSWAPD,
	PGSTEAL_DIRECT,
	HTLB_BUDDY_PGALLOC,
	HTLB_BUDDY_PGALLOC_FAIL,
	NR_VM_EVENT_ITEMS
};

enum zone_stat_item { NR_FREE_PAGES };
enum node_stat_item {
	NR_FILE_PAGES,
	NR_BALLOON_PAGES,
	NR_INACTIVE_ANON,
	NR_ACTIVE_ANON,
	NR_INACTIVE_FILE,
	NR_ACTIVE_FILE,
	WORKINGSET_REFAULT_ANON,
	WORKINGSET_REFAULT_FILE,
	NR_ISOLATED_FILE,
};
struct page;
struct zone;

unsigned long zone_page_state(struct zone *zone, enum zone_stat_item item);
void all_vm_events(unsigned long *events);
unsigned long global_node_page_state(enum node_stat_item item);
void dec_node_page_state(struct page *page, enum node_stat_item item);
void count_vm_events(enum vm_event_item item, long n);

#define count_vm_event(item)	count_vm_events(item, 1)

#endif
