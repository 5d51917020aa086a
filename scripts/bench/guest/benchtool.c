// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the bench does inside a guest, without the cost of checked content:
 *
 *	touch SIZE		have the guest use that memory once, then free it
 *	first SIZE		the same, and print the nanoseconds it took
 *	scatter SIZE SHARE	hold small pages, give SHARE/1000 of them back at
 *				random places, say "ready" and stay until killed
 *	loop SIZE PROCESSES	each process reads and writes its own memory of that
 *				size over and over; five times a second a line of
 *				nanoseconds passed and MiB done, until killed
 *
 * SIZE is in MiB; "free-N" is what /proc/meminfo calls free, less N. One thread.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define LINE 64UL
#define MIB (1UL << 20)
#define PROCESSES 16

static size_t size_of(const char *text)
{
	unsigned long kib = 0, mib;
	char line[128];
	FILE *meminfo;

	if (strncmp(text, "free-", 5))
		return strtoul(text, NULL, 0) << 20;
	meminfo = fopen("/proc/meminfo", "re");
	while (meminfo && fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemFree: %lu kB", &kib) == 1)
			break;
	if (meminfo)
		fclose(meminfo);
	mib = strtoul(text + 5, NULL, 0);
	return kib / 1024 > mib ? (kib / 1024 - mib) << 20 : 0;
}

static char *take(size_t size, int advice)
{
	char *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!size || base == MAP_FAILED) {
		fprintf(stderr, "benchtool: cannot take %zu MiB: %s\n", size >> 20,
			size ? strerror(errno) : "none is free");
		exit(2);
	}
	madvise(base, size, advice);
	return base;
}

/* A write to each page: the guest's kernel backs it, and so does the host. */
static void use(char *base, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE)
		*(volatile char *)(base + at) = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* In huge pages where it can: the guest's own work is then the smallest. */
static int do_touch(size_t size, int print)
{
	uint64_t begin = now_ns();
	char *base = take(size, MADV_HUGEPAGE);

	use(base, size);
	if (print)
		printf("ns %llu\n", (unsigned long long)(now_ns() - begin));
	munmap(base, size);
	return 0;
}

_Noreturn static void do_scatter(size_t size, unsigned long share)
{
	char *base = take(size, MADV_NOHUGEPAGE);
	uint64_t state = 88172645463325252ULL;
	size_t run = 0;

	use(base, size);
	for (size_t at = 0; at <= size; at += PAGE) {
		/* xorshift: the same holes in every run */
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (at < size && state % 1000 < share) {
			run += PAGE;
		} else if (run) {
			madvise(base + at - run, run, MADV_DONTNEED);
			run = 0;
		}
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

_Noreturn static void go_round(size_t size, volatile uint64_t *done)
{
	char *base = take(size, MADV_NOHUGEPAGE);

	use(base, size);
	for (size_t at = 0;; at = (at + MIB) % size) {
		for (size_t line = 0; line < MIB; line += LINE)
			++*(volatile uint64_t *)(base + at + line);
		++*done;
	}
}

/* In small pages, as most of a fragmented guest's memory is. */
_Noreturn static void do_loop(size_t size, unsigned long processes)
{
	/* a counter each, a line apart */
	uint64_t *done = mmap(NULL, PROCESSES * LINE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t begin;

	if (done == MAP_FAILED || !processes || processes > PROCESSES)
		exit(2);
	for (unsigned long i = 0; i < processes; i++)
		if (!fork())
			go_round(size, done + i * LINE / sizeof(*done));
	begin = now_ns();
	for (;;) {
		uint64_t sum = 0;

		usleep(200000);
		for (unsigned long i = 0; i < processes; i++)
			sum += *(volatile uint64_t *)(done + i * LINE / sizeof(*done));
		printf("%llu %llu\n", (unsigned long long)(now_ns() - begin),
		       (unsigned long long)sum);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "touch"))
		return do_touch(size_of(argv[2]), 0);
	if (argc == 3 && !strcmp(argv[1], "first"))
		return do_touch(size_of(argv[2]), 1);
	if (argc == 4 && !strcmp(argv[1], "scatter"))
		do_scatter(size_of(argv[2]), strtoul(argv[3], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "loop"))
		do_loop(size_of(argv[2]), strtoul(argv[3], NULL, 0));
	fprintf(stderr, "usage: benchtool touch|first SIZE | scatter SIZE SHARE |"
		" loop SIZE PROCESSES\n");
	return 2;
}
