// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapping, filling, checking and punching one area; see area.h.
 */
#include "area.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pattern.h"

/* A descriptor of a file of that size at least, or -1 with errno set. */
static int file_open(const char *path, size_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat info;

	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0 || (S_ISREG(info.st_mode) && ftruncate(fd, bytes) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

bool area_map(struct area *area, enum area_kind kind, const char *path, size_t pages,
	      uint64_t seed)
{
	int flags = kind == AREA_FILE ? MAP_SHARED :
		    MAP_ANONYMOUS | (kind == AREA_SHARED ? MAP_SHARED : MAP_PRIVATE);
	int fd = kind == AREA_FILE ? file_open(path, pages * PAGE_BYTES) : -1;

	memset(area, 0, sizeof(*area));
	area->kind = kind;
	area->fd = fd;
	if (kind == AREA_FILE && fd < 0)
		return false;
	area->base = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
			  flags | MAP_NORESERVE, fd, 0);
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
	area->every = 0;
	for (size_t i = 0; i < area->pages; i++)
		page_fill(area->base + i * PAGE_BYTES, area->seed, i);
}

bool area_is_hole(const struct area *area, size_t page)
{
	if (area->every)
		return page % area->every != 0;
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

/* Gives so many pages back to the kernel; those of a file are clean. */
static void drop(const struct area *area, size_t start, size_t pages)
{
	size_t at = start * PAGE_BYTES, bytes = pages * PAGE_BYTES;

	madvise(area->base + at, bytes, area->kind == AREA_SHARED ? MADV_REMOVE : MADV_DONTNEED);
	if (area->kind == AREA_FILE)
		posix_fadvise(area->fd, at, bytes, POSIX_FADV_DONTNEED);
}

/* Gives back what is a hole now; returns the number of other pages. */
static size_t drop_holes(const struct area *area)
{
	size_t kept = 0, start = 0;
	bool in_hole = false;

	if (area->kind == AREA_FILE)
		msync(area->base, area->pages * PAGE_BYTES, MS_SYNC);
	for (size_t i = 0; i <= area->pages; i++) {
		bool hole = i < area->pages && area_is_hole(area, i);

		if (hole && !in_hole)
			start = i;
		if (!hole && in_hole)
			drop(area, start, i - start);
		kept += i < area->pages && !hole;
		in_hole = hole;
	}
	return kept;
}

size_t area_punch(struct area *area, uint64_t seed, unsigned int per_mille)
{
	area->hole_seed = seed;
	area->hole_per_mille = per_mille;
	return drop_holes(area);
}

size_t area_thin(struct area *area, size_t every)
{
	area->every = every;
	return drop_holes(area);
}

void area_unmap(struct area *area)
{
	munmap(area->base, area->pages * PAGE_BYTES);
	if (area->fd >= 0)
		close(area->fd);
	area->base = NULL;
}
