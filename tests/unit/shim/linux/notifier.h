/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link of a chain of callbacks.
 */
#ifndef SHIM_LINUX_NOTIFIER_H
#define SHIM_LINUX_NOTIFIER_H

#define NOTIFY_OK	1

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long action, void *data);
	int priority;
};

#endif
