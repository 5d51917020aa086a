// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames of an area; see frames.h. What is marked and pinned lives as long as the
 * process.
 */
#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pattern.h"

#define PRESENT (UINT64_C(1) << 63)
#define FRAME ((UINT64_C(1) << 55) - 1)

static uint64_t *marked;

/* Frame numbers of all pages, 0 for one that is not resident; NULL with errno set. */
static uint64_t *frames_read(const struct area *area)
{
	size_t bytes = area->pages * sizeof(uint64_t), done = 0;
	off_t at = (uintptr_t)area->base / PAGE_BYTES * sizeof(uint64_t);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t *frames = malloc(bytes);

	while (fd >= 0 && frames && done < bytes) {
		ssize_t got = pread(fd, (char *)frames + done, bytes - done, at + done);

		if (got <= 0) {
			free(frames);
			frames = NULL;
			break;
		}
		done += got;
	}
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; fd >= 0 && frames && i < area->pages; i++)
		frames[i] = frames[i] & PRESENT ? frames[i] & FRAME : 0;
	return fd < 0 ? NULL : frames;
}

static size_t count(const uint64_t *frames, size_t pages)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++)
		n += frames[i] != 0;
	return n;
}

/* Pages that were resident when marked and are not where they were. */
static size_t elsewhere(const uint64_t *now, size_t pages)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++)
		n += marked[i] && now[i] != marked[i];
	return n;
}

/* One page a slot: false with errno set. */
static bool pin_pages(const struct area *area, const uint64_t *frames)
{
	int ends[2], slots = count(frames, area->pages);

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    fcntl(ends[1], F_SETPIPE_SZ, slots * PAGE_BYTES) < 0)
		return false;
	for (size_t i = 0; i < area->pages; i++) {
		struct iovec page = { area->base + i * PAGE_BYTES, PAGE_BYTES };

		if (frames[i] && vmsplice(ends[1], &page, 1, 0) != PAGE_BYTES)
			return false;
	}
	return true; /* both ends stay open */
}

void frames_answer(struct area *area, const char *verb, char *reply, size_t size)
{
	uint64_t *frames = frames_read(area);

	if (!frames) {
		snprintf(reply, size, "bad pagemap: %s\n", strerror(errno));
		return;
	}
	if (strcmp(verb, "lock") == 0) {
		if (mlock2(area->base, area->pages * PAGE_BYTES, MLOCK_ONFAULT) < 0)
			snprintf(reply, size, "bad mlock: %s\n", strerror(errno));
		else
			snprintf(reply, size, "ok locked %zu\n", count(frames, area->pages));
	} else if (strcmp(verb, "pin") == 0) {
		if (!pin_pages(area, frames))
			snprintf(reply, size, "bad pin: %s\n", strerror(errno));
		else
			snprintf(reply, size, "ok pinned %zu\n", count(frames, area->pages));
	} else if (strcmp(verb, "mark") == 0) {
		free(marked);
		marked = frames;
		snprintf(reply, size, "ok marked %zu\n", count(marked, area->pages));
		return;
	} else if (strcmp(verb, "moved") == 0 && marked) {
		snprintf(reply, size, "ok moved %zu of %zu\n", elsewhere(frames, area->pages),
			 count(marked, area->pages));
	} else {
		snprintf(reply, size, "bad question\n");
	}
	free(frames);
}
