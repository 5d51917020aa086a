/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the host backs the guest's memory: in pages of what size, and in what
 * larger blocks where it has transparent huge pages.  Reads settings, touches
 * no memory.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_BACKING_H
#define BALLONET_BACKING_H

#include "compat.h"

/*
 * The largest discard-granularity, bytes, where pages are not larger: a block
 * goes back in one step, while QEMU waits.
 */
#define BALLOON_GRANULARITY_MAX (UINT64_C(32) << 20)

/* Of the memory backends that are in use as guest RAM now, in bytes. */
typedef struct BalloonBacking {
    uint64_t page;  /* of the one with the smallest host pages */
    uint64_t block; /* the largest that the host may hold as one page of its own */
} BalloonBacking;

BalloonBacking balloon_backing(void);

/* How many there are. */
unsigned balloon_backing_mapped(void);

/* Whether blocks of @granularity bytes (0: host pages) can be what is given back; sets @errp. */
bool balloon_backing_suits(uint64_t granularity, Error **errp);

#endif
