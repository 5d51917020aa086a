// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Seeded page contents; see pattern.h. One addition a word: the emulated CPU
 * is slow, and filling memory is most of what a test waits for.
 */
#include "pattern.h"

#define STEP UINT64_C(0x9e3779b97f4a7c15)
#define WORDS (PAGE_BYTES / sizeof(uint64_t))
/* TCG is slow where a loop lies in two pages, and with vectors. */
#define IN_ONE_PAGE __attribute__((noinline, aligned(1024), optimize("no-tree-vectorize")))

uint64_t mix64(uint64_t seed, uint64_t index)
{
	uint64_t x = seed + (index + 1) * STEP;

	x = (x ^ (x >> 31)) * UINT64_C(0x7fb5d329728ea185);
	x = (x ^ (x >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
	return x ^ (x >> 33);
}

IN_ONE_PAGE void page_fill(void *page, uint64_t seed, uint64_t index)
{
	uint64_t value = mix64(seed, index);
	uint64_t *word = page;

#pragma GCC unroll 16
	for (size_t i = 0; i < WORDS; i++, value += STEP)
		word[i] = value;
}

IN_ONE_PAGE bool page_check(const void *page, uint64_t seed, uint64_t index, uint64_t *sum)
{
	uint64_t value = mix64(seed, index);
	const uint64_t *word = page;
	uint64_t wrong = 0, total = 0;

#pragma GCC unroll 16
	for (size_t i = 0; i < WORDS; i++, value += STEP) {
		wrong |= word[i] ^ value;
		total += word[i];
	}
	*sum = mix64(*sum ^ total, index);
	return wrong == 0;
}
