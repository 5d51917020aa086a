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
#ifndef BALLONET_QUEUE_NUMBERS_H
#define BALLONET_QUEUE_NUMBERS_H

#include <stdint.h>

typedef enum BalloonQueue {
    BALLOON_QUEUE_NONE,
    BALLOON_QUEUE_INFLATE,
    BALLOON_QUEUE_DEFLATE,
    BALLOON_QUEUE_STATS,
    BALLOON_QUEUE_HINT,
    BALLOON_QUEUE_REPORTING,
    BALLOON_QUEUE_OPS,
    BALLOON_QUEUES, /* how many kinds there are */
} BalloonQueue;

/* Queues there can be: those of the specification, and the ops queue. */
#define BALLOON_QUEUES_MAX 6u

/*
 * Which queue number @index is; @offered and @negotiated are feature bits,
 * @rings has bit n set where the driver has set up queue n.
 */
BalloonQueue queue_by_number(uint64_t offered, uint64_t negotiated, uint32_t rings, unsigned index);

/*
 * The number of the ops queue, which counts what was negotiated and nothing
 * else (page-ops.md 2); -1 where page ops are not negotiated.
 */
int queue_number_of_ops(uint64_t negotiated);

/* The number of @queue, -1 where there is none. */
int queue_number(uint64_t offered, uint64_t negotiated, uint32_t rings, BalloonQueue queue);

#endif
