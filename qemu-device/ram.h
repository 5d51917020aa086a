/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: which RAM block a guest page lies in, and what the balloon
 * knows of each block.  Pages are kept by RAM block and not by guest address,
 * so that two addresses of one page count once, and a memory module that is
 * unplugged takes its part of the ledgers along.
 *
 * Reads QEMU's memory map; never touches guest memory itself.
 *
 * Context of everything here: BQL held.  A BalloonBlock is valid until the BQL
 * is dropped, as its RAM block may go then.
 */
#ifndef BALLONET_RAM_H
#define BALLONET_RAM_H

#include "compat.h"
#include "qemu/queue.h"

#include "ledger.h"
#include "plan.h"
#include "request.h"
#include "virtio_balloon.h"

static inline uint64_t balloon_pages(uint64_t bytes)
{
    return bytes >> VIRTIO_BALLOON_PFN_SHIFT;
}

static inline uint64_t balloon_bytes(uint64_t pages)
{
    return pages << VIRTIO_BALLOON_PFN_SHIFT;
}

/* What the balloon knows of one RAM block; the ledgers count its 4 KiB pages. */
typedef struct BalloonBlock {
    RAMBlock *rb;
    void *host;          /* where the block is mapped: names it when it goes */
    uint64_t unit;       /* pages that only go back together: a host page, or the granularity */
    Ledger *inflated;    /* pages in the balloon */
    Ledger *pending;     /* those of them that are still to be given back, all in whole units */
    Ledger *failed;      /* those that the host failed to take; they are tried again */
    uint64_t plan_from;  /* no page below it is pending */
    PlanExtent rest;     /* of a unit that is being discarded in several steps; n may be 0 */
    uint64_t step;       /* bytes to discard in one call, fitted to the host's pace (reclaim.c) */
    int64_t slow_at;     /* get_clock() of the last call that took too long */
    uint64_t swept;      /* the sweep has looked at the pages below it; see residency.h */

    /* Failed discards (reclaim.c).  They outlive a reset, so that no guest can fill the log. */
    unsigned failures;   /* since the last retry */
    int64_t retry_at;    /* QEMU_CLOCK_REALTIME, milliseconds; 0: nothing has failed */
    int64_t backoff_ms;  /* how long after the next failure that will be */
    bool retrying;       /* what had failed is pending again */
    QTAILQ_ENTRY(BalloonBlock) next;
} BalloonBlock;

/* Guest pages [pfn, pfn + n) that are alike. */
typedef struct BalloonTranslation {
    BalloonBlock *block; /* NULL: not memory that can be ballooned */
    uint64_t pfn;
    uint64_t n;
    uint64_t first;      /* page of the block that guest page @pfn is */
} BalloonTranslation;

typedef struct BalloonRam {
    QTAILQ_HEAD(, BalloonBlock) blocks;
    RAMBlockNotifier notifier;
    MemoryListener listener;
    BalloonTranslation last; /* the last look-up; n is 0 where the memory map has changed since */
    GPtrArray *persistent;   /* RAM blocks of NVDIMMs and virtio-pmem; NULL: to be looked up */
    uint64_t granularity;    /* bytes that the user wants to go back together; 0: host pages */
    uint64_t block_size;     /* bytes of the blocks that whole ones are counted of */
    bool sends_what_leaves;  /* a page that leaves counts as written (migration_skip.h) */
} BalloonRam;

/* At instance init: an empty list.  Then at realize and unrealize: hear of QEMU's memory. */
void balloon_ram_construct(BalloonRam *ram);
void balloon_ram_init(BalloonRam *ram);
void balloon_ram_fini(BalloonRam *ram);

/* The balloon is empty: the guest owns all of its memory again.  Takes constant time a block. */
void balloon_ram_clear(BalloonRam *ram);

/* What became of the pages of one range; the three add up to its length. */
typedef struct BalloonTally {
    uint64_t changed;  /* entered or left the balloon */
    uint64_t repeated; /* were in (or out) already */
    uint64_t rejected; /* not memory that can be ballooned */
} BalloonTally;

/*
 * The pages of @e enter or leave the balloon; adds to @t.  Pages that enter
 * are pending, those that are in already too: a guest that used one in between
 * without a word loses nothing it was entitled to.
 */
void balloon_ram_inflate(BalloonRam *ram, BalloonExtent e, BalloonTally *t);
void balloon_ram_deflate(BalloonRam *ram, BalloonExtent e, BalloonTally *t);

typedef enum BalloonState {
    BALLOON_STATE_RIGHT,   /* all pages are as wanted */
    BALLOON_STATE_WRONG,   /* some are not */
    BALLOON_STATE_NOT_RAM, /* a page is not memory that can be ballooned */
} BalloonState;

/* Whether the pages of @e are all in the balloon (@in), or all not in it (!@in). */
BalloonState balloon_ram_state(BalloonRam *ram, BalloonExtent e, bool in);

/*
 * Pages [first, first + n) of @b, which are inflated, are to be given back: the
 * units in which they are, where these are whole.
 */
void balloon_block_set_pending(BalloonBlock *b, uint64_t first, uint64_t n);

/*
 * The block with the name of a migration stream; NULL where there is none, or
 * none of memory that can be ballooned.
 */
BalloonBlock *balloon_ram_block_named(BalloonRam *ram, const char *name);

/*
 * The block that QEMU has mapped at @host, and *@offset, where in it that is in
 * bytes; NULL where that is not memory that can be ballooned (a bounce buffer,
 * for one).
 */
BalloonBlock *balloon_ram_block_mapped(BalloonRam *ram, void *host, uint64_t *offset);

/* Counts whole blocks of @bytes, a power of two, from now on; quick while the balloon is empty. */
void balloon_ram_set_block_size(BalloonRam *ram, uint64_t bytes);

/*
 * Over all blocks: pages in the balloon; those of them that are pending; with
 * those that failed or wait for the rest of their unit; those in whole blocks.
 */
uint64_t balloon_ram_inflated(const BalloonRam *ram);
uint64_t balloon_ram_pending(const BalloonRam *ram);
uint64_t balloon_ram_withheld(const BalloonRam *ram);
uint64_t balloon_ram_in_whole_blocks(const BalloonRam *ram);

#endif
