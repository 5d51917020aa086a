// SPDX-License-Identifier: GPL-2.0-only
/*
 * A move is made by the migration core's rules, page locks held: it cannot be
 * taken back but by who owns both pages.  So a batch goes one way, and the only
 * way back is REFUSED, when the host says no.
 *
 * Locks: none.
 */
#include "relocate_step.h"

/**
 * relocate_step() - where an event leads
 * @state: of the batch
 * @event: what happens to it
 * @swap: the host knows how to swap
 *
 * Return: the next state; RELOCATE_BROKEN for what must not happen.
 */
enum relocate_state relocate_step(enum relocate_state state,
				  enum relocate_event event, bool swap)
{
	switch (state) {
	case RELOCATE_IDLE:
		if (event == RELOCATE_OPEN)
			return RELOCATE_FILLING;
		break;
	case RELOCATE_FILLING:
		if (event == RELOCATE_SEND)
			return swap ? RELOCATE_SWAPPING : RELOCATE_INFLATING;
		break;
	case RELOCATE_SWAPPING:
		if (event == RELOCATE_ANSWER)
			return RELOCATE_IDLE;
		if (event == RELOCATE_REFUSAL)
			return RELOCATE_REFUSED;
		break;
	case RELOCATE_INFLATING:
		if (event == RELOCATE_ANSWER)
			return RELOCATE_DEFLATING;
		break;
	case RELOCATE_DEFLATING:
		if (event == RELOCATE_ANSWER)
			return RELOCATE_IDLE;
		break;
	case RELOCATE_REFUSED:
		if (event == RELOCATE_UNDONE)
			return RELOCATE_IDLE;
		break;
	default:
		break;
	}
	return RELOCATE_BROKEN;
}

/**
 * relocate_waits_for_room() - whether a callback sleeps until a batch is back
 * @mode: its caller's
 */
bool relocate_waits_for_room(enum migrate_mode mode)
{
	return mode == MIGRATE_SYNC;
}

/**
 * relocate_waits_for_answer() - whether a callback sleeps until its move is told
 * @mode: its caller's
 * @last: no other page is isolated: the caller will look for the frames next
 *
 * I5: nobody does in MIGRATE_ASYNC.  Nor in MIGRATE_SYNC_LIGHT, where who
 * allocates in the background would pay for it.
 */
bool relocate_waits_for_answer(enum migrate_mode mode, bool last)
{
	return mode == MIGRATE_SYNC && last;
}
