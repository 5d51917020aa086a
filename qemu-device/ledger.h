/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: a sparse set of page numbers, one bit for each 4 KiB page of one
 * RAM block.  The device keeps several for every block: the pages that are
 * inflated, those of them whose memory is still to be given back, and more.
 *
 * Pure: no lock, no guest memory, no QEMU type.  The owner serialises access
 * (in the device: the BQL).  Page numbers count 4 KiB units from the start of
 * the block.
 */
#ifndef BALLONET_LEDGER_H
#define BALLONET_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Ledger Ledger;

/* An empty set over pages [0, pages).  Aborts when the host is out of memory. */
Ledger *ledger_new(uint64_t pages);
void ledger_free(Ledger *l);

/* How many pages the set ranges over, and how many are in it. */
uint64_t ledger_pages(const Ledger *l);
uint64_t ledger_count(const Ledger *l);

/*
 * Put pages [first, first + n) in, or take them out.  What lies beyond the end
 * is ignored.  Return: how many changed, so that n minus the result are the
 * ones that were in (or out) already.
 */
uint64_t ledger_set(Ledger *l, uint64_t first, uint64_t n);
uint64_t ledger_clear(Ledger *l, uint64_t first, uint64_t n);

/* Takes all pages out, in constant time. */
void ledger_clear_all(Ledger *l);

/*
 * The first page of [from, end) that is in the set (@in) or is not (!@in).
 * Return: its number, or the end (cut to ledger_pages()) where there is none.
 */
uint64_t ledger_find(const Ledger *l, uint64_t from, uint64_t end, bool in);

/*
 * The first extent (pages without a gap) of the set in [from, end), cut to it.  Iterate with
 * from = *first + *n.  Return: false where there is no more.
 */
bool ledger_next_extent(const Ledger *l, uint64_t from, uint64_t end, uint64_t *first, uint64_t *n);

/*
 * As above, of extents that have at least one aligned block of @unit pages, a power of two, from
 * such a block on.  Takes time for each block of [from, end) at most, however ragged the set is.
 */
bool ledger_next_whole(const Ledger *l, uint64_t from, uint64_t end, uint64_t unit,
                       uint64_t *first, uint64_t *n);

/*
 * Blocks: a ledger keeps count, for two sizes, of the pages that are in aligned
 * blocks wholly in the set.  @pages, the size number @which, is a power of two, 1
 * at first.  Setting it walks the ledger, unless that is empty.
 */
#define LEDGER_BLOCK_SIZES 2u
void ledger_set_block(Ledger *l, unsigned which, uint64_t pages);
uint64_t ledger_in_whole_blocks(const Ledger *l, unsigned which);

/* Whether all of [first, first + n) is in the set; false beyond the end. */
bool ledger_holds(const Ledger *l, uint64_t first, uint64_t n);

#endif
