/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which queue does what.  The specification gives every queue a fixed number
 * (5.5.2); QEMU has always left out the queues of features it does not offer,
 * and Linux numbers them by the features that were negotiated.  A driver that
 * declines a feature thus may mean either of two queues by one number, which
 * shows in the numbers of the rings it has set up.
 *
 * Pure: no lock, no QEMU type.
 */
#ifndef BALLONET_ROLE_H
#define BALLONET_ROLE_H

#include <stdint.h>

typedef enum BalloonRole {
    BALLOON_ROLE_NONE,
    BALLOON_ROLE_INFLATE,
    BALLOON_ROLE_DEFLATE,
    BALLOON_ROLE_STATS,
    BALLOON_ROLE_HINT,
    BALLOON_ROLE_REPORTING,
    BALLOON_ROLE_OPS,
} BalloonRole;

/* Queues there can be: those of the specification, and the ops queue. */
#define BALLOON_ROLE_QUEUES_MAX 6u

/*
 * The role of queue @index; @offered and @negotiated are feature bits, @rings
 * has bit n set where the driver has set up queue n.
 */
BalloonRole role_of_queue(uint64_t offered, uint64_t negotiated, uint32_t rings, unsigned index);

/*
 * The number of the ops queue, which counts what was negotiated and nothing
 * else (page-ops.md 2); -1 where page ops are not negotiated.
 */
int role_ops_queue(uint64_t negotiated);

/* The number of the queue with @role, -1 where there is none. */
int role_queue(uint64_t offered, uint64_t negotiated, uint32_t rings, BalloonRole role);

#endif
