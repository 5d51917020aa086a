/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every outcome of a test's choices, one run after the other, depth first and
 * without remembering states: a run repeats the choices of the one before up to
 * the last that had an alternative left, takes that, and goes on with the first
 * alternative of each.  So a test must be the same each time but for what it
 * chooses here.
 *
 *	explore_start("what");
 *	while (explore_next()) {
 *		set up; explore_arm(delays); ... explore_choose(3) ...; take down;
 *	}
 *
 * A failure prints the choices that led to it; PATH_TO=them runs that one alone.
 */
#ifndef BALLONET_EXPLORE_H
#define BALLONET_EXPLORE_H

#include <stdbool.h>

/* Called at each delay, if set. */
extern void (*explore_look)(void);

void explore_start(const char *what);
bool explore_next(void);
void explore_arm(unsigned int delays);
unsigned int explore_choose(unsigned int n);
void explore_note(const char *name);
unsigned long explore_runs(void);
bool explore_long(void);

#endif
