// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapping, filling, checking and punching one area; see area.h.
 */
#include "area.h"

#include <string.h>
#include <sys/mman.h>

#include "pattern.h"

bool area_map(struct area *area, enum area_kind kind, size_t pages, uint64_t seed)
{
	int flags = MAP_ANONYMOUS | (kind == AREA_SHARED ? MAP_SHARED : MAP_PRIVATE);

	memset(area, 0, sizeof(*area));
	area->base = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
			  flags | MAP_NORESERVE, -1, 0);
	if (area->base == MAP_FAILED)
		return false;
	area->pages = pages;
	area->seed = seed;
	/* fails on kernels without huge pages, where it is not needed */
	madvise(area->base, pages * PAGE_BYTES,
		kind == AREA_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return true;
}

void area_fill(struct area *area)
{
	area->hole_per_mille = 0;
	for (size_t i = 0; i < area->pages; i++)
		page_fill(area->base + i * PAGE_BYTES, area->seed, i);
}

bool area_is_hole(const struct area *area, size_t page)
{
	return mix64(area->hole_seed, page) % 1000 < area->hole_per_mille;
}

long area_verify(const struct area *area, uint64_t *sum)
{
	long wrong = -1;

	*sum = area->seed;
	for (size_t i = 0; i < area->pages; i++) {
		if (area_is_hole(area, i))
			continue;
		if (!page_check(area->base + i * PAGE_BYTES, area->seed, i, sum) && wrong < 0)
			wrong = (long)i;
	}
	return wrong;
}

size_t area_punch(struct area *area, uint64_t seed, unsigned int per_mille)
{
	size_t kept = 0, start = 0;
	bool in_hole = false;

	area->hole_seed = seed;
	area->hole_per_mille = per_mille;
	for (size_t i = 0; i <= area->pages; i++) {
		bool hole = i < area->pages && area_is_hole(area, i);

		if (hole && !in_hole)
			start = i;
		if (!hole && in_hole)
			madvise(area->base + start * PAGE_BYTES, (i - start) * PAGE_BYTES,
				MADV_DONTNEED);
		kept += i < area->pages && !hole;
		in_hole = hole;
	}
	return kept;
}

void area_unmap(struct area *area)
{
	munmap(area->base, area->pages * PAGE_BYTES);
	area->base = NULL;
}
