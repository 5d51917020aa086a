/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All frames of the model are online.
 */
#ifndef SHIM_LINUX_MEMORY_HOTPLUG_H
#define SHIM_LINUX_MEMORY_HOTPLUG_H

#include <linux/mm.h>

struct page *pfn_to_online_page(unsigned long pfn);

#endif
