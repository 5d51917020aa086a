/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spans: where in which RAM block guest pages lie, and what is no memory that
 * can be ballooned.  Reads QEMU's memory map, changes nothing.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_SPAN_H
#define BALLONET_SPAN_H

#include "zone.h"

/* Guest pages [pfn, pfn + n) that are alike. */
typedef struct BalloonSpan {
    BalloonZone *zone; /* NULL: not memory that can be ballooned */
    uint64_t pfn;      /* guest page */
    uint64_t n;
    uint64_t first;    /* page in the zone's block that guest page pfn is */
} BalloonSpan;

/* The span around guest page @pfn.  It is good until the BQL is dropped. */
void balloon_span_look_up(BalloonZones *zs, uint64_t pfn, BalloonSpan *span);

/* Why memory of @mr is not the guest's to give; NULL: it is. */
const char *balloon_span_no_memory(MemoryRegion *mr);

#endif
