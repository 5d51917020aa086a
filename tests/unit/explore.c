// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The choices of explore.h.  Owns sim_delay and sim_on_fail from
 * explore_arm() to the end of the run.  A delay is a choice too: a task that is
 * made to wait at a point until all others have gone as far as they get.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "sim.h"

#define DEPTH	4096
#define NOTES	64

static struct {
	unsigned short taken[DEPTH], of[DEPTH];
	unsigned int len, at;
	unsigned int delays;
	const char *note[NOTES];
	unsigned int notes;
	const char *what, *only;
	unsigned long runs;
} ex;

void (*explore_look)(void);

static void tell(void)
{
	fprintf(stderr, "unit: %s, run %lu:", ex.what, ex.runs);
	for (unsigned int i = 0; i < ex.notes; i++)
		fprintf(stderr, " %s,", ex.note[i]);
	/* Zeros at the end go without saying. */
	while (ex.at && !ex.taken[ex.at - 1])
		ex.at--;
	fprintf(stderr, "\nunit: run it again with PATH_TO=\"%s:", ex.what);
	for (unsigned int i = 0; i < ex.at; i++)
		fprintf(stderr, "%s%u", i ? "," : "", ex.taken[i]);
	fprintf(stderr, "\"\n");
}

/* A path from an earlier failure: the only run, if it is one of this test. */
static void read_path(const char *path)
{
	size_t n = strlen(ex.what);
	char *end;

	if (strncmp(path, ex.what, n) || path[n] != ':')
		return;
	for (path += n + 1; *path && ex.len < DEPTH; path = *end ? end + 1 : end) {
		ex.taken[ex.len++] = strtoul(path, &end, 10);
		if (end == path)
			break;
	}
}

void explore_start(const char *what)
{
	memset(&ex, 0, sizeof(ex));
	ex.what = what;
	ex.only = getenv("PATH_TO");
	if (ex.only)
		read_path(ex.only);
}

/* Return: whether there is another run, and then it begins. */
bool explore_next(void)
{
	if (ex.runs) {
		if (ex.only)
			return false;
		while (ex.at && ex.taken[ex.at - 1] + 1 == ex.of[ex.at - 1])
			ex.at--;
		if (!ex.at)
			return false;
		ex.taken[ex.at - 1]++;
		ex.len = ex.at;
	}
	ex.runs++;
	ex.at = ex.notes = ex.delays = 0;
	return true;
}

/* One of @n ways to go on: 0 ... n - 1. */
unsigned int explore_choose(unsigned int n)
{
	if (n < 2)
		return 0;
	sim_check(ex.at < DEPTH, "more than %d choices in a run", DEPTH);
	if (ex.at >= ex.len) {
		ex.taken[ex.at] = 0;
	} else if (!ex.only) {
		sim_check(ex.at + 1 == ex.len || ex.of[ex.at] == n,
			  "%u alternatives where there were %u: runs are not alike", n,
			  ex.of[ex.at]);
	}
	ex.of[ex.at] = n;
	return ex.taken[ex.at++];
}

/* What the last choice meant, for the message of a failure; a constant. */
void explore_note(const char *name)
{
	if (ex.notes < NOTES)
		ex.note[ex.notes++] = name;
}

static bool delay(void)
{
	if (!ex.delays || !explore_choose(2))
		return false;
	ex.delays--;
	if (explore_look)
		explore_look();
	explore_note(sim_current->name);
	explore_note("waits");
	return true;
}

/**
 * explore_arm() - the machine was set up: from here on it is explored
 * @delays: how many times in this run a task may be made to wait, anywhere
 */
void explore_arm(unsigned int delays)
{
	ex.delays = delays;
	sim_delay = delays ? delay : NULL;
	sim_on_fail = tell;
}

unsigned long explore_runs(void)
{
	return ex.runs;
}

/* Whether there is time for more than each run takes: LONG=1. */
bool explore_long(void)
{
	return getenv("LONG");
}
