/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shim: free page hinting, the only user of a shrinker, is not in the model.
 */
#ifndef SHIM_LINUX_SHRINKER_H
#define SHIM_LINUX_SHRINKER_H

struct shrinker {
	int unused;
};

#endif
