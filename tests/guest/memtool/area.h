/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of memory with a known content: anonymous, shared (as tmpfs has it), or
 * a file's page cache. Parts of it may have been given back to the kernel. One thread.
 */
#ifndef MEMTOOL_AREA_H
#define MEMTOOL_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum area_kind { AREA_THP, AREA_SMALL, AREA_SHARED, AREA_FILE };

struct area {
	char *base;
	enum area_kind kind;
	int fd;			/* of AREA_FILE; open as long as the area is */
	size_t pages;		/* of 4 KiB */
	uint64_t seed;
	uint64_t hole_seed;
	unsigned int hole_per_mille;	/* pages given back, of a thousand */
	size_t every;			/* or all but each such page; 0: none of that */
};

/*
 * AREA_SMALL forbids huge pages. path: of AREA_FILE, a regular file (made as long
 * as need be) or a block device. false with errno set.
 */
bool area_map(struct area *area, enum area_kind kind, const char *path, size_t pages,
	      uint64_t seed);
void area_fill(struct area *area);

/* Index of the first wrong page, or -1; *sum covers every page kept. */
long area_verify(const struct area *area, uint64_t *sum);

/* Gives back a pseudo-random share of the pages; returns how many are kept. */
size_t area_punch(struct area *area, uint64_t seed, unsigned int per_mille);

/* Keeps each such page and gives back the others; returns how many are kept. */
size_t area_thin(struct area *area, size_t every);
bool area_is_hole(const struct area *area, size_t page);
void area_unmap(struct area *area);

#endif
