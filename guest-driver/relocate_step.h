/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The states of a batch of moves, which leads to which, and who may wait for
 * what.  Pure: no kernel calls, no locks.
 */
#ifndef BALLONET_RELOCATE_STEP_H
#define BALLONET_RELOCATE_STEP_H

#include <linux/migrate_mode.h>
#include <linux/types.h>

/**
 * enum relocate_state - where a batch of moves is
 * @RELOCATE_IDLE: empty, free to fill
 * @RELOCATE_FILLING: takes moves; the host knows of none of them
 * @RELOCATE_SWAPPING: the host is being told of both at once (page ops)
 * @RELOCATE_INFLATING: the host is being told of the new pages
 * @RELOCATE_DEFLATING: the new pages are the balloon's; the host is being told
 *	that the old ones are not
 * @RELOCATE_REFUSED: the host refused the moves that are left in the batch;
 *	undone as soon as the migration core has let go of the pages
 * @RELOCATE_BROKEN: what an illegal step leads to; never left
 */
enum relocate_state {
	RELOCATE_IDLE,
	RELOCATE_FILLING,
	RELOCATE_SWAPPING,
	RELOCATE_INFLATING,
	RELOCATE_DEFLATING,
	RELOCATE_REFUSED,
	RELOCATE_BROKEN,
};

/**
 * enum relocate_event - what happens to a batch
 * @RELOCATE_OPEN: it is chosen to take moves
 * @RELOCATE_SEND: it has enough of them, or none came for a while
 * @RELOCATE_ANSWER: the host did all as told, or is gone
 * @RELOCATE_REFUSAL: the host did not do all of it
 * @RELOCATE_UNDONE: the last refused move is undone
 */
enum relocate_event {
	RELOCATE_OPEN,
	RELOCATE_SEND,
	RELOCATE_ANSWER,
	RELOCATE_REFUSAL,
	RELOCATE_UNDONE,
};

enum relocate_state relocate_step(enum relocate_state state,
				  enum relocate_event event, bool swap);
bool relocate_waits_for_room(enum migrate_mode mode);
bool relocate_waits_for_answer(enum migrate_mode mode, bool last);

#endif
