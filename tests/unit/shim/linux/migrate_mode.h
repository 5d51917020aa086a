/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a caller of migration can bear.
 */
#ifndef SHIM_LINUX_MIGRATE_MODE_H
#define SHIM_LINUX_MIGRATE_MODE_H

enum migrate_mode {
	MIGRATE_ASYNC,
	MIGRATE_SYNC_LIGHT,
	MIGRATE_SYNC,
	MIGRATE_SYNC_NO_COPY,
};

#endif
