/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may happen to the pages of two_pages.h and their device, one event at a
 * time: whether it can happen now, and that it does.
 */
#ifndef BALLONET_TWO_EVENTS_H
#define BALLONET_TWO_EVENTS_H

#include "two_pages.h"

enum event {
	ANSWER_INFLATE,
	ANSWER_DEFLATE,
	ANSWER_OPS,
	REFUSE,
	DIE,
	ISOLATE_0,
	ISOLATE_1,
	ASYNC_0,
	ASYNC_1,
	SYNC_0,
	SYNC_1,
	PUTBACK_0,
	PUTBACK_1,
	GO_ON_0,
	GO_ON_1,
	DEFLATE,
	INFLATE,
	TIME,
	REMOVE,
	EVENTS
};

/**
 * struct two_device - what came of events
 * @target: the size last asked for
 * @removing: removal has begun
 * @removed: and is over
 */
struct two_device {
	unsigned long target;
	bool removing, removed;
};

extern struct two_device two_device;
extern const char *const event_name[EVENTS];

void events_start(void);
bool event_possible(enum event e);
void event_happen(enum event e);

#endif
