// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The same two pages as in test_orders.c, but every step in pieces: each actor
 * is a task, all run at once in every order of beginning, and a task may be made
 * to wait wherever another CPU could come in between: at each lock, reference,
 * mark and wake-up.  All places for one such delay are run, with LONG=1 all
 * pairs of places.  I3 is looked at wherever a delay leaves the driver's lock
 * free; in the end every frame is free.
 */
#include "explore.h"
#include "two_pages.h"

#define ACTORS	5

struct actor {
	const char *name;
	void (*play)(void *arg);
};

/**
 * struct cast - who is on stage
 * @name: of the scene
 * @mode: of migrations
 * @settle: blocks have settled and all is acknowledged before it begins
 * @refuse: the host refuses the first request it answers
 * @actors: each once
 */
struct cast {
	const char *name;
	enum migrate_mode mode;
	bool settle, refuse;
	const struct actor *actors[ACTORS];
};

static bool removed;

static void move_0(void *arg)
{
	two_isolate(&two[0]);
	two_migrate(&two[0]);
	two_putback(&two[0]);
}

static void move_1(void *arg)
{
	two_isolate(&two[1]);
	two_migrate(&two[1]);
	two_putback(&two[1]);
}

static void back_0(void *arg)
{
	two_isolate(&two[0]);
	two_putback(&two[0]);
}

static void deflate(void *arg)
{
	rig_target(0);
}

static void flush(void *arg)
{
	sim_tick(HZ / 10);
}

static void die(void *arg)
{
	host.broken = true;
	sim_point();
}

static void remove_it(void *arg)
{
	rig_remove();
	removed = true;
}

static bool host_has_work(void *arg)
{
	return removed || (!host.broken && host.ready && fake_host_unanswered());
}

/* Answers whatever comes, one request after the other. */
static void answer(void *arg)
{
	while (!removed) {
		sim_block(host_has_work, NULL, SIM_FOREVER, "a request");
		for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++) {
			fake_host_answer(vq, 1);
			sim_point();
		}
	}
}

static const struct actor
	a_move_0 = { "move of 0", move_0 },
	a_move_1 = { "move of 1", move_1 },
	a_back_0 = { "putback of 0", back_0 },
	a_deflate = { "deflate", deflate },
	a_flush = { "flush", flush },
	a_die = { "death of the host", die },
	a_remove = { "removal", remove_it };

static const struct cast casts[] = {
	{ .name = "two moves, a removal", .actors = { &a_move_0, &a_move_1, &a_remove } },
	{ .name = "two moves, a flush, a deflate",
	  .actors = { &a_move_0, &a_move_1, &a_flush, &a_deflate } },
	{ .name = "a putback, a deflate, a removal",
	  .actors = { &a_back_0, &a_deflate, &a_remove } },
	{ .name = "two moves that wait, a removal", .mode = MIGRATE_SYNC, .settle = true,
	  .actors = { &a_move_0, &a_move_1, &a_remove } },
	{ .name = "two moves at rest, a deflate, a removal", .settle = true,
	  .actors = { &a_move_0, &a_move_1, &a_deflate, &a_remove } },
	{ .name = "a move, a flush, a dying host, a removal", .settle = true,
	  .actors = { &a_move_0, &a_flush, &a_die, &a_remove } },
	{ .name = "two moves, one flush, refused", .settle = true, .refuse = true,
	  .actors = { &a_move_0, &a_move_1, &a_flush } },
	{ .name = "two moves that wait, refused", .settle = true, .refuse = true,
	  .mode = MIGRATE_SYNC, .actors = { &a_move_0, &a_move_1, &a_remove } },
};

static void begin(const struct cast *c)
{
	const struct actor *left[ACTORS];
	unsigned int n = 0;

	while (n < ACTORS && c->actors[n]) {
		left[n] = c->actors[n];
		n++;
	}
	for (int i = 0; i < 2; i++)
		two[i].mode = c->mode;
	/* In every order. */
	for (; n; n--) {
		unsigned int i = explore_choose(n);

		sim_spawn(left[i]->name, left[i]->play, NULL);
		left[i] = left[n - 1];
	}
}

static void look(void)
{
	if (rig)
		rig_check();
}

static void one_run(const struct cast *c, bool ops, enum two_kind kind)
{
	removed = false;
	explore_look = look;
	two_start(ops, kind);
	if (c->settle) {
		fake_host_answer_all();
		sim_advance(HZ / 10);
		rig_check_quiet();
	}
	if (c->refuse) {
		host.refuse = 1;
		host.refuse_op = HOSTCOMM_SWAP;
		host.refuse_err = -EBADSLT;
	}
	explore_arm(explore_long() ? 2 : 1);
	begin(c);
	/* Not one of those that are waited for: it goes on to the end. */
	sim_spawn_daemon("host", answer, NULL);
	sim_join();
	if (!removed)
		remove_it(NULL);
	sim_settle();
	sim_delay = NULL;
	rig_stop();
}

static void explore(bool ops, enum two_kind kind)
{
	unsigned long all = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(casts); i++) {
		if (casts[i].refuse && !ops)
			continue;
		explore_start(casts[i].name);
		while (explore_next())
			one_run(&casts[i], ops, kind);
		printf("   %s: %lu interleavings\n", casts[i].name, explore_runs());
		fflush(stdout);
		all += explore_runs();
	}
	printf("   %lu interleavings, all with up to %d delays\n", all, explore_long() ? 2 : 1);
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

	return cmocka_run_group_tests_name("delays", tests, NULL, NULL);
}
