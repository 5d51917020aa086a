/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free pages that the kernel keeps at hand for each processor.
 */
#ifndef BALLONET_COMPAT_PCP_H
#define BALLONET_COMPAT_PCP_H

#include <linux/cpumask.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>

/**
 * compat_pcp_pages() - free pages of a zone that are not counted as free
 * @zone: any
 *
 * Whoever needs them can have them drained; with huge pages on, a processor
 * keeps tens of MiB.
 */
static inline unsigned long compat_pcp_pages(struct zone *zone)
{
	unsigned long nr = 0;
	int cpu;

	for_each_online_cpu(cpu) {
#ifdef HAVE_PER_CPU_PAGES
		nr += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
#else
		nr += per_cpu_ptr(zone->pageset, cpu)->pcp.count;
#endif
	}
	return nr;
}

#endif
