/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest has of memory, as si_meminfo() tells it.
 */
#ifndef SHIM_LINUX_SWAP_H
#define SHIM_LINUX_SWAP_H

#define SWAP_CLUSTER_MAX	32

struct sysinfo {
	unsigned long totalram, freeram;
};

void si_meminfo(struct sysinfo *info);

#endif
