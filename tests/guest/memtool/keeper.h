/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A background process that keeps an area resident and answers questions about
 * it through two FIFOs, /tmp/keep/NAME.ask and /tmp/keep/NAME.say. One question
 * at a time; each answer is one line beginning with "ok" or "bad".
 */
#ifndef MEMTOOL_KEEPER_H
#define MEMTOOL_KEEPER_H

#include "area.h"

/*
 * Fills the area in the child and returns in the parent when that is done.
 * Exit status of the verb.
 */
int keeper_start(const char *name, enum area_kind kind, const char *path, size_t pages,
		 uint64_t seed);

/* Sends one line, prints the answer; 0 where it begins with "ok". */
int keeper_ask(const char *name, const char *question);

#endif
