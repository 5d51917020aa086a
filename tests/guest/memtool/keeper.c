// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The resident process and its client; see keeper.h. Questions: "verify",
 * "punch SEED PER_MILLE", "thin EVERY", "fill SEED", "quit"; and in frames.h "lock",
 * "pin", "mark", "moved".
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "pattern.h"

#define KEEP_DIR "/tmp/keep"

static void fifo_path(char *path, size_t size, const char *name, const char *suffix)
{
	snprintf(path, size, KEEP_DIR "/%s.%s", name, suffix);
}

static void answer(struct area *area, char *question, char *reply, size_t size)
{
	char *verb = strtok(question, " \n");
	uint64_t sum;
	long wrong;

	if (!verb)
		verb = "";
	if (strcmp(verb, "punch") == 0) {
		const char *seed = strtok(NULL, " \n");
		const char *share = strtok(NULL, " \n");

		snprintf(reply, size, "ok kept %zu of %zu\n",
			 area_punch(area, seed ? strtoull(seed, NULL, 0) : 1,
				    share ? strtoul(share, NULL, 0) : 500),
			 area->pages);
	} else if (strcmp(verb, "thin") == 0) {
		const char *every = strtok(NULL, " \n");

		snprintf(reply, size, "ok kept %zu of %zu\n",
			 area_thin(area, every ? strtoul(every, NULL, 0) : 4), area->pages);
	} else if (strcmp(verb, "fill") == 0) {
		const char *seed = strtok(NULL, " \n");

		area->seed = seed ? strtoull(seed, NULL, 0) : area->seed;
		area_fill(area);
		snprintf(reply, size, "ok filled %zu\n", area->pages);
	} else if (strcmp(verb, "verify") == 0) {
		wrong = area_verify(area, &sum);
		if (wrong < 0)
			snprintf(reply, size, "ok sum %016" PRIx64 "\n", sum);
		else
			snprintf(reply, size, "bad page %ld of %zu\n", wrong, area->pages);
	} else if (strcmp(verb, "quit") == 0) {
		/* gone before the answer: the memory is free when it is read */
		area_unmap(area);
		snprintf(reply, size, "ok gone\n");
	} else {
		frames_answer(area, verb, reply, size);
	}
}

static void serve(struct area *area, const char *ask, const char *say)
{
	char question[128], reply[160];

	while (area->base) {
		FILE *in = fopen(ask, "re");
		FILE *out;

		if (!in)
			exit(1);
		if (!fgets(question, sizeof(question), in)) {
			fclose(in);
			continue;
		}
		fclose(in);
		answer(area, question, reply, sizeof(reply));
		out = fopen(say, "we");
		if (out) {
			fputs(reply, out);
			fclose(out);
		}
	}
	unlink(ask);
	unlink(say);
}

static void detach(void)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

int keeper_start(const char *name, enum area_kind kind, const char *path, size_t pages,
		 uint64_t seed)
{
	char ask[128], say[128], done = 0;
	struct area area;
	int ready[2];
	pid_t pid;

	fifo_path(ask, sizeof(ask), name, "ask");
	fifo_path(say, sizeof(say), name, "say");
	mkdir(KEEP_DIR, 0755);
	if (pipe(ready) < 0 || mkfifo(ask, 0600) < 0 || mkfifo(say, 0600) < 0) {
		fprintf(stderr, "memtool: %s: %s\n", name, strerror(errno));
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		if (!area_map(&area, kind, path, pages, seed))
			exit(1);
		area_fill(&area);
		detach();
		if (write(ready[1], "k", 1) != 1)
			exit(1);
		close(ready[1]);
		serve(&area, ask, say);
		exit(0);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &done, 1) != 1 || done != 'k') {
		unlink(ask);
		unlink(say);
		fprintf(stderr, "memtool: %s: could not get %zu pages\n", name, pages);
		return 1;
	}
	printf("%d\n", (int)pid);
	return 0;
}

int keeper_ask(const char *name, const char *question)
{
	char path[128], reply[160] = "";
	FILE *pipe_end;

	fifo_path(path, sizeof(path), name, "ask");
	/* not blocking: a keeper that died must be an error, not a wait */
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	for (int i = 0; fd < 0 && errno == ENXIO && i < 50; i++) {
		usleep(20000); /* it may be between two questions */
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd < 0 || dprintf(fd, "%s\n", question) < 0) {
		fprintf(stderr, "memtool: %s: no such keeper (%s)\n", name, strerror(errno));
		return 1;
	}
	close(fd);
	fifo_path(path, sizeof(path), name, "say");
	pipe_end = fopen(path, "re");
	if (!pipe_end || !fgets(reply, sizeof(reply), pipe_end))
		snprintf(reply, sizeof(reply), "bad: no answer\n");
	if (pipe_end)
		fclose(pipe_end);
	fputs(reply, stdout);
	return strncmp(reply, "ok", 2) == 0 ? 0 : 1;
}
