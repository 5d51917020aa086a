/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link of a chain of callbacks.
 */
#ifndef SHIM_LINUX_NOTIFIER_H
#define SHIM_LINUX_NOTIFIER_H

#define NOTIFY_OK	1

#define NOTIFY_STOP_MASK	0x8000

static inline int notifier_from_errno(int err)
{
	return err ? NOTIFY_STOP_MASK | (NOTIFY_OK - err) : NOTIFY_OK;
}

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long action, void *data);
	int priority;
};

#endif
