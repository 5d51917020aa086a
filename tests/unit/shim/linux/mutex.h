/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mutex, in structures only: what takes one is not under test here.
 */
#ifndef SHIM_LINUX_MUTEX_H
#define SHIM_LINUX_MUTEX_H

struct mutex {
	int unused;
};

#endif
