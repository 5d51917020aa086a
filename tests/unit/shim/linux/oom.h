/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is asked before the kernel kills somebody; see rig.c.
 */
#ifndef SHIM_LINUX_OOM_H
#define SHIM_LINUX_OOM_H

#include <linux/notifier.h>

int register_oom_notifier(struct notifier_block *nb);
int unregister_oom_notifier(struct notifier_block *nb);

#endif
