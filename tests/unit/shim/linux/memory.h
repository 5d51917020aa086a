/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that comes and goes; rig_zones.c has the chain of those who hear of it.
 */
#ifndef SHIM_LINUX_MEMORY_H
#define SHIM_LINUX_MEMORY_H

#include <linux/notifier.h>

#define MEM_GOING_OFFLINE	1
#define MEM_OFFLINE		2
#define MEM_CANCEL_OFFLINE	3

int register_memory_notifier(struct notifier_block *nb);
void unregister_memory_notifier(struct notifier_block *nb);

#endif
