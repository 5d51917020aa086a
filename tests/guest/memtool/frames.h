/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the pages of an area lie, by /proc/self/pagemap, and what keeps them there.
 * One area a process; needs root. Questions, each answered "ok ..." or "bad ...":
 *
 *	lock	mlock what is resident; holes stay holes
 *	pin	hold a reference to each resident page, as a device does that
 *		has been given it: in a pipe that nobody reads
 *	mark	remember the frames: "ok marked N"
 *	moved	how many lie elsewhere now: "ok moved N of M"
 */
#ifndef MEMTOOL_FRAMES_H
#define MEMTOOL_FRAMES_H

#include "area.h"

void frames_answer(struct area *area, const char *verb, char *reply, size_t size);

#endif
