/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: which pages are in the balloon, and giving memory back to the
 * host.  The only file that reaches guest memory; what may be discarded is
 * the ledgers' word alone, how it is done discard.h's.
 *
 * Context of everything here: BQL held, and not dropped between
 * balloon_ram_begin() and the last call that follows it.
 */
#ifndef BALLONET_RAM_H
#define BALLONET_RAM_H

#include "discard.h"
#include "span.h"

typedef struct BalloonRam {
    BalloonZones zones;
    BalloonSpan span; /* the last look up; good until the BQL is dropped */
    BalloonDiscard discard;
} BalloonRam;

void balloon_ram_init(BalloonRam *ram);
void balloon_ram_fini(BalloonRam *ram);

/* To be called each time the BQL was taken anew: the memory map may have changed. */
void balloon_ram_begin(BalloonRam *ram);

/* What became of the pages of one range; the three add up to its length. */
typedef struct BalloonTally {
    uint64_t changed;  /* entered or left the balloon */
    uint64_t repeated; /* were in (or out) already */
    uint64_t rejected; /* not the guest's RAM */
} BalloonTally;

/*
 * Guest pages [pfn, pfn + n) enter or leave the balloon; adds to @t.  Pages
 * that enter again are discarded again: a guest that used one in between
 * without a word loses nothing it was entitled to.
 */
void balloon_ram_inflate(BalloonRam *ram, uint64_t pfn, uint64_t n, BalloonTally *t);
void balloon_ram_deflate(BalloonRam *ram, uint64_t pfn, uint64_t n, BalloonTally *t);

/*
 * The zone of the RAM block that is called so; NULL where there is none, or
 * none of memory that can be ballooned.
 */
BalloonZone *balloon_ram_zone_by_name(BalloonZones *zs, const char *name);

/* What a range is to those who want its pages in the balloon, or not in it. */
typedef enum BalloonJudged {
    BALLOON_RAM_ALIKE,  /* all of it */
    BALLOON_RAM_UNLIKE, /* not all of it */
    BALLOON_RAM_NONE,   /* a page of it is no memory that can be ballooned */
} BalloonJudged;

/* Whether the pages of [pfn, pfn + n) are all in the balloon (@in) or all not in it (!@in). */
BalloonJudged balloon_ram_judge(BalloonRam *ram, uint64_t pfn, uint64_t n, bool in);

/* Why memory must not be discarded at this moment; NULL: it may. */
const char *balloon_ram_inhibited(void);

/* What went back to the host in one go. */
typedef struct BalloonGiven {
    uint64_t bytes;
    unsigned discards; /* ranges */
    bool refused;      /* the host did not take the next one */
} BalloonGiven;

/*
 * Gives the next fresh runs back to the host, up to @max bytes together (but
 * one block that goes back as a whole at least) and up to BALLOON_DISCARD_MAX of them; the caller
 * has seen that discards are not inhibited.  @again: what was given back before
 * may be discarded again where that joins two runs.  Return: false where there
 * was nothing to give.
 */
bool balloon_ram_give_back(BalloonRam *ram, uint64_t max, bool again, BalloonGiven *got);

/* What became of the start of a range that the guest lends. */
typedef struct BalloonReported {
    uint64_t passed; /* bytes that are settled, more than 0 */
    BalloonGiven given;
    bool rejected;   /* not guest memory that may be discarded */
} BalloonReported;

/*
 * Gives back what is whole, host page or granularity, at the start of the
 * @bytes at @host, the mapped part of a buffer; at most @max bytes, but one at
 * least.
 */
void balloon_ram_report(BalloonRam *ram, void *host, uint64_t bytes, uint64_t max,
                        BalloonReported *got);

#endif
