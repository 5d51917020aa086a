/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How guest memory goes back to the host: QEMU's ram_block_discard_range(),
 * or, for many ranges at once where host and block allow it, one
 * process_madvise(2).  The only caller of either.  What may be discarded is
 * for the caller to know.
 *
 * A single page costs a system call and, as QEMU has several threads, an
 * interrupt to each processor that runs one; many pages in one call share
 * both: 0.5 us a page instead of 5.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_DISCARD_H
#define BALLONET_DISCARD_H

#include "compat.h"

/* Ranges in one call: the slowest way takes some 5 us for each. */
#define BALLOON_DISCARD_MAX 128

typedef struct BalloonDiscard {
    int pidfd;     /* this process; -1 before the first use */
    bool single;   /* the host has no such call for a process' own memory */
} BalloonDiscard;

typedef struct BalloonDiscardRange {
    uint64_t offset; /* into the block, bytes; a multiple of its page size, as is the length */
    uint64_t bytes;
} BalloonDiscardRange;

void balloon_discard_init(BalloonDiscard *d);
void balloon_discard_fini(BalloonDiscard *d);

/*
 * Gives @n ranges of @rb, at most BALLOON_DISCARD_MAX and in rising order,
 * back to the host.  Return: how many were; fewer than @n where the host
 * refused the next one by itself, too, of which QEMU has said why.
 */
unsigned balloon_discard(BalloonDiscard *d, RAMBlock *rb, const BalloonDiscardRange *range,
                         unsigned n);

#endif
