// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two ballooned pages and everything that may happen to them, in every order:
 * the host acknowledges, refuses or dies, migration isolates a page, moves it or
 * puts it back, the target changes, time passes, the device is removed while
 * all that goes on.  After each step all that can run has run, and the sums
 * hold (I3); the model checks I1, I2 and I5 on the way; in the end a host that
 * lives has the balloon it asked for, and then every frame is free.
 *
 * A set says how often each event may come in one run; every order of these is
 * run.  LONG=1 runs each set again with each of its events once more.  What
 * happens within a step is the matter of test_delays.c.
 */
#include "explore.h"
#include "two_events.h"

/**
 * struct set - events and how often each may come in a run
 * @name: of the set
 * @times: how often; acknowledgements come as there are requests
 * @stops: points within isolation and migration that are steps too
 */
struct set {
	const char *name;
	unsigned char times[EVENTS];
	unsigned int stops;
};

/* What may still come in this run. */
static unsigned char left[EVENTS];

/* One event, of those that can come now.  Return: whether there was one. */
static bool step(void)
{
	enum event can[EVENTS], e;
	unsigned int n = 0;

	if (two_device.removed && !two_busy())
		return false;
	two_find();
	for (e = 0; e < EVENTS; e++)
		if (left[e] && event_possible(e))
			can[n++] = e;
	if (!n)
		return false;
	e = can[explore_choose(n)];
	explore_note(event_name[e]);
	left[e]--;
	event_happen(e);
	return true;
}

/* The host answers, migration gives back what it holds. */
static void come_home(void)
{
	unsigned long patience = 40;

	host.at_once = true;
	while (patience--) {
		fake_host_answer_all();
		for (int i = 0; i < 2; i++) {
			two[i].held = false;
			if (two[i].at == TWO_ISOLATED)
				sim_spawn("putback", two_putback, &two[i]);
		}
		sim_settle();
		if (!two_busy() && two_device.removing == two_device.removed &&
		    (two_device.removing || host.broken ||
		     (rig_given() == two_device.target && !rig->hostcomm.inflight &&
		      pages_size(&rig->pages) == two_device.target && !rig_moves_held())))
			return;
		sim_sleep(HZ);
	}
	sim_fail("not at rest after 40 s: size %lu of %lu, %u requests out, removal %s",
		 rig ? pages_size(&rig->pages) : 0, two_device.target,
		 rig ? rig->hostcomm.inflight : 0,
		 two_device.removed ? "over" : two_device.removing ? "goes on" : "not begun");
}

static void one_run(const struct set *set, enum event more, bool ops, enum two_kind kind)
{
	two_start(ops, kind);
	events_start();
	memcpy(left, set->times, sizeof(left));
	memset(left + ANSWER_INFLATE, 50, ANSWER_OPS - ANSWER_INFLATE + 1);
	memset(left + GO_ON_0, 50, 2);
	if (more < EVENTS)
		left[more]++;
	two_stops = set->stops;
	explore_arm(0);
	while (step())
		;
	two_stops = 0;
	come_home();
	if (!two_device.removing && !host.broken)
		rig_check_quiet();
	rig_stop();
}

static const struct set sets[] = {
	{ .name = "moves and a deflate", .times = {
		[ISOLATE_0] = 1, [ISOLATE_1] = 1, [ASYNC_0] = 1, [ASYNC_1] = 1, [PUTBACK_0] = 1,
		[DEFLATE] = 1, [TIME] = 1, [REMOVE] = 1 } },
	{ .name = "moves that wait", .times = {
		[ISOLATE_0] = 1, [ISOLATE_1] = 1, [SYNC_0] = 1, [SYNC_1] = 1, [PUTBACK_1] = 1,
		[DEFLATE] = 1, [REMOVE] = 1 } },
	{ .name = "one page, again and again", .times = {
		[ISOLATE_0] = 2, [ASYNC_0] = 2, [PUTBACK_0] = 1, [DEFLATE] = 1, [INFLATE] = 1,
		[TIME] = 1 } },
	{ .name = "a host that refuses", .times = {
		[REFUSE] = 1, [ISOLATE_0] = 1, [ISOLATE_1] = 1, [ASYNC_0] = 1, [SYNC_1] = 1,
		[DEFLATE] = 1, [TIME] = 1, [REMOVE] = 1 } },
	{ .name = "a host that dies", .times = {
		[DIE] = 1, [ISOLATE_0] = 1, [ISOLATE_1] = 1, [ASYNC_0] = 1, [SYNC_1] = 1,
		[DEFLATE] = 1, [REMOVE] = 1 } },
	{ .name = "one page, in small steps", .times = {
		[ISOLATE_0] = 1, [ASYNC_0] = 1, [PUTBACK_0] = 1, [DEFLATE] = 1, [REMOVE] = 1 },
	  .stops = 1 << VM_ISOLATE_GOT_REF | 1 << VM_ISOLATE_LOCKED | 1 << VM_MIGRATE_RETURNED |
	  1 << VM_MIGRATE_UNLOCKED },
};

/* All orders of a set, with one event of it once @more than it says. */
static unsigned long exhaust(const struct set *set, enum event more, bool ops, enum two_kind kind)
{
	explore_start(set->name);
	while (explore_next())
		one_run(set, more, ops, kind);
	printf("   %s%s%s: %lu orders\n", set->name, more < EVENTS ? ", once more: " : "",
	       more < EVENTS ? event_name[more] : "", explore_runs());
	fflush(stdout);
	return explore_runs();
}

static void explore(bool ops, enum two_kind kind)
{
	unsigned long all = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++) {
		if (sets[i].times[REFUSE] && !ops)
			continue;
		all += exhaust(&sets[i], EVENTS, ops, kind);
		for (enum event e = REFUSE; explore_long() && e < REMOVE; e++)
			if (sets[i].times[e])
				all += exhaust(&sets[i], e, ops, kind);
	}
	printf("   %lu orders, each of these sets exhausted\n", all);
	/* Else it proved nothing. */
	assert_true(getenv("PATH_TO") || all > 1000);
}

static void test_two_pages(void **state)
{
	explore(false, TWO_SINGLE);
}

static void test_two_pages_with_page_ops(void **state)
{
	explore(true, TWO_SINGLE);
}

static void test_a_young_block(void **state)
{
	explore(false, TWO_UNPUBLISHED);
}

static void test_a_young_block_with_page_ops(void **state)
{
	explore(true, TWO_UNPUBLISHED);
}

static void test_a_settled_block(void **state)
{
	explore(false, TWO_SETTLED);
}

static void test_a_settled_block_with_page_ops(void **state)
{
	explore(true, TWO_SETTLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_pages),
		cmocka_unit_test(test_two_pages_with_page_ops),
		cmocka_unit_test(test_a_young_block),
		cmocka_unit_test(test_a_young_block_with_page_ops),
		cmocka_unit_test(test_a_settled_block),
		cmocka_unit_test(test_a_settled_block_with_page_ops),
	};

	return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
