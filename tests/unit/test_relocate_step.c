// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The states of a batch of moves: every state with every event, every walk
 * from rest, and who may wait.  Pure: links that one file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/kernel.h>

#include "relocate_step.h"

#define STATES	(RELOCATE_BROKEN + 1)
#define EVENTS	(RELOCATE_UNDONE + 1)

struct leads {
	enum relocate_state from;
	enum relocate_event event;
	int swap; /* -1: either way */
	enum relocate_state to;
};

static const struct leads legal[] = {
	{ RELOCATE_IDLE, RELOCATE_OPEN, -1, RELOCATE_FILLING },
	{ RELOCATE_FILLING, RELOCATE_SEND, 1, RELOCATE_SWAPPING },
	{ RELOCATE_FILLING, RELOCATE_SEND, 0, RELOCATE_INFLATING },
	{ RELOCATE_SWAPPING, RELOCATE_ANSWER, -1, RELOCATE_IDLE },
	{ RELOCATE_SWAPPING, RELOCATE_REFUSAL, -1, RELOCATE_REFUSED },
	{ RELOCATE_INFLATING, RELOCATE_ANSWER, -1, RELOCATE_DEFLATING },
	{ RELOCATE_DEFLATING, RELOCATE_ANSWER, -1, RELOCATE_IDLE },
	{ RELOCATE_REFUSED, RELOCATE_UNDONE, -1, RELOCATE_IDLE },
};

static enum relocate_state wanted(enum relocate_state from, enum relocate_event event, bool swap)
{
	for (size_t i = 0; i < ARRAY_SIZE(legal); i++) {
		if (legal[i].from == from && legal[i].event == event &&
		    (legal[i].swap == -1 || legal[i].swap == swap))
			return legal[i].to;
	}
	return RELOCATE_BROKEN;
}

static void test_every_state_with_every_event(void **state)
{
	for (int from = 0; from < STATES; from++)
		for (int event = 0; event < EVENTS; event++)
			for (int swap = 0; swap < 2; swap++)
				assert_int_equal(relocate_step(from, event, swap),
						 wanted(from, event, swap));
}

static int longest;

/* The host is told of both before a batch is idle; and it always gets there. */
static void walk(enum relocate_state at, bool swap, int steps, bool inflated, bool deflated)
{
	bool stuck = true;

	assert_in_range(steps, 0, 8);
	for (int event = 0; event < EVENTS; event++) {
		enum relocate_state next = relocate_step(at, event, swap);
		bool in = inflated, out = deflated;

		if (next == RELOCATE_BROKEN)
			continue;
		stuck = false;
		if (at == RELOCATE_SWAPPING)
			in = out = true;
		if (at == RELOCATE_INFLATING)
			in = true;
		if (at == RELOCATE_DEFLATING) {
			/* Never the old ones first (I1). */
			assert_true(inflated);
			out = true;
		}
		if (next == RELOCATE_IDLE) {
			assert_true(in && out);
			longest = max(longest, steps + 1);
		} else {
			walk(next, swap, steps + 1, in, out);
		}
	}
	assert_false(stuck);
}

static void test_every_walk_from_rest(void **state)
{
	walk(RELOCATE_IDLE, true, 0, false, false);
	assert_int_equal(longest, 4);
	longest = 0;
	walk(RELOCATE_IDLE, false, 0, false, false);
	assert_int_equal(longest, 4);
}

static void test_who_waits(void **state)
{
	static const enum migrate_mode modes[] = {
		MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC,
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bool sync = modes[i] == MIGRATE_SYNC;

		assert_int_equal(relocate_waits_for_room(modes[i]), sync);
		assert_int_equal(relocate_waits_for_answer(modes[i], true), sync);
		assert_false(relocate_waits_for_answer(modes[i], false));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_state_with_every_event),
		cmocka_unit_test(test_every_walk_from_rest),
		cmocka_unit_test(test_who_waits),
	};

	return cmocka_run_group_tests_name("relocate_step", tests, NULL, NULL);
}
