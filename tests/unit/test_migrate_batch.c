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

#include "migrate_batch.h"

#define STATES	(BATCH_BROKEN + 1)
#define EVENTS	(BATCH_UNDONE + 1)

struct leads {
	enum batch_state from;
	enum batch_event event;
	int swap; /* -1: either way */
	enum batch_state to;
};

static const struct leads legal[] = {
	{ BATCH_IDLE, BATCH_OPEN, -1, BATCH_FILLING },
	{ BATCH_FILLING, BATCH_SEND, 1, BATCH_SWAPPING },
	{ BATCH_FILLING, BATCH_SEND, 0, BATCH_INFLATING },
	{ BATCH_SWAPPING, BATCH_ANSWER, -1, BATCH_IDLE },
	{ BATCH_SWAPPING, BATCH_REFUSAL, -1, BATCH_REFUSED },
	{ BATCH_INFLATING, BATCH_ANSWER, -1, BATCH_DEFLATING },
	{ BATCH_DEFLATING, BATCH_ANSWER, -1, BATCH_IDLE },
	{ BATCH_REFUSED, BATCH_UNDONE, -1, BATCH_IDLE },
};

static enum batch_state wanted(enum batch_state from, enum batch_event event, bool swap)
{
	for (size_t i = 0; i < ARRAY_SIZE(legal); i++) {
		if (legal[i].from == from && legal[i].event == event &&
		    (legal[i].swap == -1 || legal[i].swap == swap))
			return legal[i].to;
	}
	return BATCH_BROKEN;
}

static void test_every_state_with_every_event(void **state)
{
	for (int from = 0; from < STATES; from++)
		for (int event = 0; event < EVENTS; event++)
			for (int swap = 0; swap < 2; swap++)
				assert_int_equal(batch_step(from, event, swap),
						 wanted(from, event, swap));
}

static int longest;

/* The host is told of both before a batch is idle; and it always gets there. */
static void walk(enum batch_state at, bool swap, int steps, bool inflated, bool deflated)
{
	bool stuck = true;

	assert_in_range(steps, 0, 8);
	for (int event = 0; event < EVENTS; event++) {
		enum batch_state next = batch_step(at, event, swap);
		bool in = inflated, out = deflated;

		if (next == BATCH_BROKEN)
			continue;
		stuck = false;
		if (at == BATCH_SWAPPING)
			in = out = true;
		if (at == BATCH_INFLATING)
			in = true;
		if (at == BATCH_DEFLATING) {
			/* Never the old ones first (I1). */
			assert_true(inflated);
			out = true;
		}
		if (next == BATCH_IDLE) {
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
	walk(BATCH_IDLE, true, 0, false, false);
	assert_int_equal(longest, 4);
	longest = 0;
	walk(BATCH_IDLE, false, 0, false, false);
	assert_int_equal(longest, 4);
}

static void test_who_waits(void **state)
{
	static const enum migrate_mode modes[] = {
		MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC,
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bool sync = modes[i] == MIGRATE_SYNC;

		assert_int_equal(batch_waits_for_room(modes[i]), sync);
		assert_int_equal(batch_waits_for_answer(modes[i], true), sync);
		assert_false(batch_waits_for_answer(modes[i], false));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_state_with_every_event),
		cmocka_unit_test(test_every_walk_from_rest),
		cmocka_unit_test(test_who_waits),
	};

	return cmocka_run_group_tests_name("batch_step", tests, NULL, NULL);
}
