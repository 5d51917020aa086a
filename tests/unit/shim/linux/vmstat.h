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
	NR_VM_EVENT_ITEMS
};

void count_vm_events(enum vm_event_item item, long n);

#define count_vm_event(item)	count_vm_events(item, 1)

#endif
