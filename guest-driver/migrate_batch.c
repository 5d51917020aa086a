// SPDX-License-Identifier: GPL-2.0-only
/*
 * A move is made by the migration core's rules, page locks held: it cannot be
 * taken back but by who owns both pages.  So a batch goes one way, and the only
 * way back is REFUSED, when the host says no.
 *
 * Locks: none.
 */
#include "migrate_batch.h"

/**
 * batch_step() - where an event leads
 * @state: of the batch
 * @event: what happens to it
 * @swap: the host knows how to swap
 *
 * Return: the next state; BATCH_BROKEN for what must not happen.
 */
enum batch_state batch_step(enum batch_state state,
			    enum batch_event event, bool swap)
{
	switch (state) {
	case BATCH_IDLE:
		if (event == BATCH_OPEN)
			return BATCH_FILLING;
		break;
	case BATCH_FILLING:
		if (event == BATCH_SEND)
			return swap ? BATCH_SWAPPING : BATCH_INFLATING;
		break;
	case BATCH_SWAPPING:
		if (event == BATCH_ANSWER)
			return BATCH_IDLE;
		if (event == BATCH_REFUSAL)
			return BATCH_REFUSED;
		break;
	case BATCH_INFLATING:
		if (event == BATCH_ANSWER)
			return BATCH_DEFLATING;
		break;
	case BATCH_DEFLATING:
		if (event == BATCH_ANSWER)
			return BATCH_IDLE;
		break;
	case BATCH_REFUSED:
		if (event == BATCH_UNDONE)
			return BATCH_IDLE;
		break;
	default:
		break;
	}
	return BATCH_BROKEN;
}

/**
 * batch_waits_for_room() - whether a callback sleeps until a batch is back
 * @mode: its caller's
 */
bool batch_waits_for_room(enum migrate_mode mode)
{
	return mode == MIGRATE_SYNC;
}

/**
 * batch_waits_for_answer() - whether a callback sleeps until its move is told
 * @mode: its caller's
 * @last: no other page is isolated: the caller will look for the frames next
 *
 * I5: nobody does in MIGRATE_ASYNC.  Nor in MIGRATE_SYNC_LIGHT, where who
 * allocates in the background would pay for it.
 */
bool batch_waits_for_answer(enum migrate_mode mode, bool last)
{
	return mode == MIGRATE_SYNC && last;
}
