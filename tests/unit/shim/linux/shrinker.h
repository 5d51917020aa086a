/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is asked for memory under pressure; the test that has one keeps the list.
 */
#ifndef SHIM_LINUX_SHRINKER_H
#define SHIM_LINUX_SHRINKER_H

struct shrink_control {
	unsigned long nr_to_scan;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *sh, struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *sh, struct shrink_control *sc);
	int seeks;
};

#define SHRINK_STOP	(~0UL)
#define DEFAULT_SEEKS	2

int register_shrinker(struct shrinker *sh, const char *fmt, ...);
void unregister_shrinker(struct shrinker *sh);

#endif
