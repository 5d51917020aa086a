/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of the balloon are not migrated: after each sync of the migration's
 * dirty bitmap those that the ledger has are taken out of it.  Nobody asks the
 * guest for that.  The destination starts without them and reads zeroes there;
 * what a page holds is undefined from the moment it enters the balloon until the
 * guest writes to it (page-ops.md 6).
 *
 * A page that leaves the balloon meanwhile counts as written, so that it is
 * sent: a guest that only reads it finds the same before and after the move.
 *
 * It is the precopy notifier's work: a migration, virsh save, savevm.  A
 * background snapshot and a dump do not ask; they save what they find.
 *
 * Context of everything here: BQL held, but for the notifier under COLO.
 */
#ifndef BALLONET_MIGRATION_SKIP_H
#define BALLONET_MIGRATION_SKIP_H

#include "compat.h"
#include "qemu/notify.h"

struct Ballonet;

typedef struct BalloonMigrationSkip {
    bool enabled;               /* property; fixed from realize on */
    int64_t sync_began;         /* get_clock() */
    NotifierWithReturn precopy;
} BalloonMigrationSkip;

void balloon_migration_skip_init(struct Ballonet *s);
void balloon_migration_skip_fini(struct Ballonet *s);

#endif
