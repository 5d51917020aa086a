/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guest memory is filled with: every page differs from every other one,
 * so a page lost, zeroed, or swapped with a neighbour is noticed. The content
 * of a page follows from the seed and its index alone. No state.
 */
#ifndef MEMTOOL_PATTERN_H
#define MEMTOOL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PAGE_BYTES: the size of a guest page, from the Makefile. */

/* Well mixed 64 bits from two. */
uint64_t mix64(uint64_t seed, uint64_t index);

void page_fill(void *page, uint64_t seed, uint64_t index);

/* true where the page still holds what page_fill wrote. Adds to *sum. */
bool page_check(const void *page, uint64_t seed, uint64_t index, uint64_t *sum);

#endif
