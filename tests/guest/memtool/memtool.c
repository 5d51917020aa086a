// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verbs by which a test makes guest memory busy, fragmented, or checkable:
 *
 *	touch MIB [SEED]		fill, check, give back
 *	burst MIB			touch each page once, as fast as can be: says how long
 *					that took, and the longest wait for 16 of them
 *	keep NAME MIB SEED [KIND]	fill and stay resident (KIND thp|small|shared, or
 *					file:PATH, whose page cache it then is)
 *	fragment NAME MIB SEED [SHARE]	keep small pages, give SHARE/1000 of them back at
 *					random; or every-N: give back all but each Nth
 *	ask NAME verify|quit|fill SEED|punch SEED SHARE|thin EVERY
 *	ask NAME lock|pin|mark|moved	where its pages lie, see frames.h
 *	hog MIB SECONDS [SEED]		rewrite and check pages at random all the time
 *
 * MIB may be "free-N": what /proc/meminfo calls free, less N MiB. Only parses
 * and dispatches; one process, one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "area.h"
#include "keeper.h"
#include "pattern.h"

static size_t free_mib(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *meminfo = fopen("/proc/meminfo", "re");

	while (meminfo && fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemFree: %lu kB", &kib) == 1)
			break;
	if (meminfo)
		fclose(meminfo);
	return kib / 1024;
}

static size_t parse_pages(const char *text)
{
	size_t mib;

	if (strncmp(text, "free-", 5) == 0) {
		size_t have = free_mib(), less = strtoul(text + 5, NULL, 0);

		mib = have > less ? have - less : 0;
	} else {
		mib = strtoul(text, NULL, 0);
	}
	if (mib == 0) {
		fprintf(stderr, "memtool: no memory to take: %s\n", text);
		exit(2);
	}
	return mib * (1024 * 1024 / PAGE_BYTES);
}

static uint64_t arg_number(int argc, char **argv, int index, uint64_t fallback)
{
	return index < argc ? strtoull(argv[index], NULL, 0) : fallback;
}

static int report(const struct area *area)
{
	uint64_t sum;
	long wrong = area_verify(area, &sum);

	if (wrong >= 0) {
		printf("bad page %ld of %zu\n", wrong, area->pages);
		return 1;
	}
	printf("ok sum %016llx\n", (unsigned long long)sum);
	return 0;
}

static int do_touch(int argc, char **argv)
{
	struct area area;

	if (!area_map(&area, AREA_THP, NULL, parse_pages(argv[2]), arg_number(argc, argv, 3, 1))) {
		perror("memtool: mmap");
		return 1;
	}
	area_fill(&area);
	return report(&area);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int do_burst(int argc, char **argv)
{
	double start, last, now, longest = 0;
	struct area area;

	(void)argc;
	if (!area_map(&area, AREA_THP, NULL, parse_pages(argv[2]), 1)) {
		perror("memtool: mmap");
		return 1;
	}
	start = last = now_ms();
	for (size_t page = 0; page < area.pages; page++) {
		*(volatile char *)(area.base + page * PAGE_BYTES) = 1;
		if (page % 16)
			continue;
		now = now_ms();
		longest = now - last > longest ? now - last : longest;
		last = now;
	}
	printf("ms %.1f longest %.1f\n", now_ms() - start, longest);
	return 0;
}

static int do_keep(int argc, char **argv)
{
	const char *kind = argc > 5 ? argv[5] : "thp";
	bool file = strncmp(kind, "file:", 5) == 0;

	return keeper_start(argv[2],
			    file ? AREA_FILE :
			    strcmp(kind, "shared") == 0 ? AREA_SHARED :
			    strcmp(kind, "small") == 0 ? AREA_SMALL : AREA_THP,
			    file ? kind + 5 : NULL,
			    parse_pages(argv[3]), arg_number(argc, argv, 4, 1));
}

static int do_fragment(int argc, char **argv)
{
	char question[64];
	uint64_t seed = arg_number(argc, argv, 4, 1);
	int status = keeper_start(argv[2], AREA_SMALL, NULL, parse_pages(argv[3]), seed);

	if (status)
		return status;
	if (argc > 5 && strncmp(argv[5], "every-", 6) == 0) {
		snprintf(question, sizeof(question), "thin %s", argv[5] + 6);
		return keeper_ask(argv[2], question);
	}
	snprintf(question, sizeof(question), "punch %llu %llu", (unsigned long long)seed,
		 (unsigned long long)arg_number(argc, argv, 5, 500));
	return keeper_ask(argv[2], question);
}

static int do_ask(int argc, char **argv)
{
	char question[128] = "";

	for (int i = 3; i < argc; i++) {
		strncat(question, argv[i], sizeof(question) - strlen(question) - 2);
		strcat(question, " ");
	}
	return keeper_ask(argv[2], question);
}

static int do_hog(int argc, char **argv)
{
	uint64_t round = 0, sum = 0, seed = arg_number(argc, argv, 4, 1);
	time_t end = time(NULL) + strtol(argv[3], NULL, 0);
	struct area area;

	if (!area_map(&area, AREA_THP, NULL, parse_pages(argv[2]), seed)) {
		perror("memtool: mmap");
		return 1;
	}
	area_fill(&area);
	while (time(NULL) < end) {
		for (int i = 0; i < 4096; i++) {
			size_t page = mix64(seed, round++) % area.pages;
			char *where = area.base + page * PAGE_BYTES;

			if (!page_check(where, seed, page, &sum)) {
				printf("bad page %zu of %zu\n", page, area.pages);
				return 1;
			}
			page_fill(where, seed, page);
		}
	}
	return report(&area);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int args; /* argc at least */
		int (*run)(int argc, char **argv);
	} verbs[] = {
		{ "touch", 3, do_touch },
		{ "burst", 3, do_burst },
		{ "keep", 5, do_keep },
		{ "fragment", 5, do_fragment },
		{ "ask", 4, do_ask },
		{ "hog", 4, do_hog },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].verb) == 0 && argc >= verbs[i].args)
			return verbs[i].run(argc, argv);
	fprintf(stderr, "usage: memtool touch|burst|keep|fragment|ask|hog ...\n");
	return 2;
}
