/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of anonymous (or tmpfs-like, shared) memory with a known content,
 * parts of which may have been given back to the kernel. One thread.
 */
#ifndef MEMTOOL_AREA_H
#define MEMTOOL_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum area_kind { AREA_THP, AREA_SMALL, AREA_SHARED };

struct area {
	char *base;
	size_t pages;		/* of 4 KiB */
	uint64_t seed;
	uint64_t hole_seed;
	unsigned int hole_per_mille;	/* pages given back, of a thousand */
};

/* AREA_SMALL forbids huge pages. false with errno set. */
bool area_map(struct area *area, enum area_kind kind, size_t pages, uint64_t seed);
void area_fill(struct area *area);

/* Index of the first wrong page, or -1; *sum covers every page kept. */
long area_verify(const struct area *area, uint64_t *sum);

/* Gives back a pseudo-random share of the pages; returns how many are kept. */
size_t area_punch(struct area *area, uint64_t seed, unsigned int per_mille);
bool area_is_hole(const struct area *area, size_t page);
void area_unmap(struct area *area);

#endif
