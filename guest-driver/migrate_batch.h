/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The states of a batch of moves, which leads to which, and who may wait for
 * what.  Pure: no kernel calls, no locks.
 */
#ifndef BALLONET_MIGRATE_BATCH_H
#define BALLONET_MIGRATE_BATCH_H

#include <linux/migrate_mode.h>
#include <linux/types.h>

/**
 * enum batch_state - where a batch of moves is
 * @BATCH_IDLE: empty, free to fill
 * @BATCH_FILLING: takes moves; the host knows of none of them
 * @BATCH_SWAPPING: the host is being told of both at once (page ops)
 * @BATCH_INFLATING: the host is being told of the new pages
 * @BATCH_DEFLATING: the new pages are the balloon's; the host is being told
 *	that the old ones are not
 * @BATCH_REFUSED: the host refused the moves that are left in the batch;
 *	undone as soon as the migration core has let go of the pages
 * @BATCH_BROKEN: what an illegal step leads to; never left
 */
enum batch_state {
	BATCH_IDLE,
	BATCH_FILLING,
	BATCH_SWAPPING,
	BATCH_INFLATING,
	BATCH_DEFLATING,
	BATCH_REFUSED,
	BATCH_BROKEN,
};

/**
 * enum batch_event - what happens to a batch
 * @BATCH_OPEN: it is chosen to take moves
 * @BATCH_SEND: it has enough of them, or none came for a while
 * @BATCH_ANSWER: the host did all as told, or is gone
 * @BATCH_REFUSAL: the host did not do all of it
 * @BATCH_UNDONE: the last refused move is undone
 */
enum batch_event {
	BATCH_OPEN,
	BATCH_SEND,
	BATCH_ANSWER,
	BATCH_REFUSAL,
	BATCH_UNDONE,
};

enum batch_state batch_step(enum batch_state state,
			    enum batch_event event, bool swap);
bool batch_waits_for_room(enum migrate_mode mode);
bool batch_waits_for_answer(enum migrate_mode mode, bool last);

#endif
