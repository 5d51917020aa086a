/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two pages of a balloon and what may happen to each, as tasks of their own
 * beside all else: for the explorers of orders and delays.
 */
#ifndef BALLONET_TWO_PAGES_H
#define BALLONET_TWO_PAGES_H

#include "rig.h"

#define TWO_FRAMES	16UL

enum two_at {
	TWO_REST,	/* in nobody's hands */
	TWO_BUSY,	/* a task is at it */
	TWO_ISOLATED,	/* on @isolated */
};

/**
 * struct two_page - one of them
 * @page: where it is: the frame it moved to last
 * @fresh: the frame it is about to move to
 * @isolated: it, while in migration's hands
 * @at: where it is in its life
 * @mode: how it is to be migrated
 * @task: at it
 * @held: its task waits at a point until this is false
 */
struct two_page {
	struct page *page, *fresh;
	struct list_head isolated;
	enum two_at at;
	enum migrate_mode mode;
	struct sim_task *task;
	bool held;
};

extern struct two_page two[2];
/* Tasks stop at these points of the model: a mask of 1 << VM_... */
extern unsigned int two_stops;

/* How the two are when it begins. */
enum two_kind {
	TWO_SINGLE,	/* the host is being told of the second page */
	TWO_UNPUBLISHED,	/* one block, of which the host is being told */
	TWO_SETTLED,	/* one block, ready to be broken up */
};

void two_start(bool ops, enum two_kind kind);
void two_find(void);
bool two_busy(void);

void two_isolate(void *page);
void two_migrate(void *page);
void two_putback(void *page);

#endif
