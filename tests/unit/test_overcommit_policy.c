// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The overcommit policy: each of its rules with a host and guests that are made
 * up (overcommit_sim), and random lives of both against bounds that hold
 * whatever happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "overcommit_sim.h"

#define MIB	POLICY_MIB
#define GIB	(1024 * MIB)

static struct sim s;

static uint64_t reserve(const struct sim_guest *v)
{
	return policy_reserve(&v->g);
}

/* The share of total that is available, by what others use. */
static void leave(uint64_t available)
{
	uint64_t used = 0;

	for (unsigned int i = 0; i < s.nr; i++)
		used += s.guest[i].touched;
	assert_true(s.host.total > used + available);
	s.others = s.host.total - used - available;
}

static void test_an_idle_guest_gives_what_it_does_not_use(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	assert_in_range(v->g.size, v->g.demand, v->g.demand + 32 * MIB);
	assert_int_equal(v->refault, 0);
	assert_int_equal(s.policy.state, POLICY_PLENTY);
}

static void test_a_probe_takes_a_hundredth_of_the_slack(void **state)
{
	uint64_t size, floor;
	struct sim_guest *v;
	int probes = 0;

	(void)state;
	sim_start(&s, 64 * GIB);
	s.step_ms = 100; /* a step more often than a probe may be */
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 500 * MIB);
	for (int i = 0; i < 600; i++) {
		size = v->g.known ? v->g.target : v->g.all;
		sim_step(&s);
		floor = v->g.base + reserve(v);
		if (v->g.order) {
			assert_int_equal(v->g.reason, POLICY_PROBE);
			assert_true(v->g.order >= size - (size - floor) / 100 - 1);
			probes++;
		}
	}
	assert_in_range(probes, 55, 60);
}

static void test_a_breach_gives_back_to_the_last_calm_point(void **state)
{
	struct sim_guest *v;
	uint64_t calm;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 1000 * MIB);
	sim_run(&s, 100);
	assert_true(v->g.size < v->g.all);
	calm = v->g.calm;
	assert_true(calm > v->g.target);
	v->refault += 5 * MIB; /* above a minute's allowance: 0.2 % of the working set */
	sim_step(&s);
	assert_true(v->g.breach);
	assert_true(v->g.target >= calm);
	/* and it is left alone for 10 s at least */
	calm = v->g.target;
	sim_run(&s, 9);
	assert_int_equal(v->g.target, calm);
}

/* Of one breach: how long it is until the next probe. */
static int64_t pause_after(struct sim_guest *v)
{
	int64_t since;

	do {
		sim_step(&s);
	} while (v->g.reason != POLICY_PROBE);
	v->stall += 20000; /* 2 % of the second: pressure, not distress */
	sim_step(&s);
	assert_int_equal(v->g.reason, POLICY_BREACH);
	since = s.now;
	while (v->g.reason != POLICY_PROBE)
		sim_step(&s);
	return s.now - since;
}

static void test_the_pause_doubles_up_to_ten_minutes(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 8 * GIB, 300 * MIB, 0, 5000 * MIB);
	for (int64_t want = 10000; want <= 1280000; want *= 2)
		assert_in_range(pause_after(v), want < 600000 ? want : 600000,
				(want < 600000 ? want : 600000) + 3000);
}

static void test_calm_shortens_the_pause_again(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 8 * GIB, 300 * MIB, 0, 5000 * MIB);
	for (int i = 0; i < 4; i++)
		pause_after(v);
	assert_int_equal(v->g.pause, 80000);
	sim_run(&s, 600);
	assert_int_equal(v->g.pause, 0);
}

/* A hot set that does not fit is found, and kept. */
static void test_hot_cache_is_learned(void **state)
{
	uint64_t lost = 0;
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 200 * MIB, 300 * MIB, 1500 * MIB);
	sim_run(&s, 1200);
	for (int i = 0; i < 1200; i++) {
		sim_step(&s);
		lost += v->cached < v->hot - v->hot / 20;
	}
	/* Each of them one probe that went too far, mended with the next sample. */
	assert_true(lost <= 24);
	assert_true(v->g.size < 1000 * MIB);
	assert_true(v->g.size >= 200 * MIB + 300 * MIB);
}

static void test_without_refaults_half_of_the_cache_stays(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 200 * MIB, 0, 1600 * MIB);
	v->tags = false;
	sim_run(&s, 600);
	assert_true(v->g.size < 1600 * MIB);
	assert_true(v->cached >= 700 * MIB);
}

static void test_need_is_met_with_the_next_sample(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	v->anon += 80 * MIB; /* within the reserve: nothing is short yet */
	sim_step(&s);
	assert_int_equal(v->g.reason, POLICY_NEED);
	assert_true(v->g.order >= v->anon + reserve(v));
	sim_step(&s);
	assert_int_equal(v->g.size, v->g.target);
	/* what was given is not taken at once again */
	sim_run(&s, 8);
	assert_int_equal(v->g.size, v->g.target);
	assert_int_equal(v->swapped, 0);
}

static void test_distress_gets_twice_the_shortfall(void **state)
{
	uint64_t size, lack;
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	size = v->g.size;
	v->anon += reserve(v) - 10 * MIB;
	sim_step(&s);
	assert_int_equal(v->g.reason, POLICY_DISTRESS);
	lack = v->g.demand - size;
	assert_true(lack > 60 * MIB);
	assert_true(v->g.order >= size + 2 * lack);
}

static void test_host_states_have_hysteresis(void **state)
{
	static const struct {
		unsigned int percent;
		PolicyHostState want;
	} steps[] = {
		{ 30, POLICY_PLENTY },	 { 16, POLICY_PLENTY },	  { 14, POLICY_TIGHT },
		{ 16, POLICY_TIGHT },	 { 19, POLICY_TIGHT },	  { 21, POLICY_PLENTY },
		{ 16, POLICY_PLENTY },	 { 4, POLICY_CRITICAL },  { 6, POLICY_CRITICAL },
		{ 7, POLICY_TIGHT },	 { 6, POLICY_TIGHT },	  { 4, POLICY_CRITICAL },
		{ 21, POLICY_PLENTY },
	};

	(void)state;
	sim_start(&s, 100 * GIB);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		leave(steps[i].percent * GIB);
		sim_run(&s, 3);
		assert_int_equal(s.policy.state, steps[i].want);
	}
}

static void test_pressure_alone_makes_no_host_critical(void **state)
{
	PolicyHost host = { .total = 100 * GIB, .available = 60 * GIB, .pressure = 500000 };
	Policy p = { .config = { 15, 5 } };

	(void)state;
	policy_step(&p, &host, NULL, 0, 1000);
	assert_int_equal(p.state, POLICY_PLENTY);
	host.available = 14 * GIB;
	policy_step(&p, &host, NULL, 0, 2000);
	assert_int_equal(p.state, POLICY_CRITICAL);
}

/* From a trigger of the host: no new sample has come since the last step. */
static void test_critical_takes_all_slack_in_one_step(void **state)
{
	struct sim_guest *a, *b;

	(void)state;
	sim_start(&s, 10 * GIB);
	a = sim_add(&s, 3 * GIB, 300 * MIB, 0, 400 * MIB);
	b = sim_add(&s, 3 * GIB, 1000 * MIB, 0, 0);
	sim_run(&s, 3);
	a->mute = b->mute = true;
	leave(400 * MIB);
	sim_step(&s);
	assert_int_equal(s.policy.state, POLICY_CRITICAL);
	assert_int_equal(a->g.reason, POLICY_SLACK);
	assert_int_equal(a->g.target, a->g.base + a->g.cache + reserve(a));
	assert_int_equal(b->g.target, b->g.base + b->g.cache + reserve(b));
	/* that was all there was without touching the cache */
	a->mute = b->mute = false;
	sim_run(&s, 2);
	assert_int_equal(a->g.target, a->g.demand);
	assert_true(a->g.target < a->g.base + 400 * MIB + reserve(a));
	assert_int_equal(b->g.target, b->g.demand);
}

static void test_only_swap_goes_below_the_demand(void **state)
{
	struct sim_guest *a, *b;
	uint64_t demand = 0;
	int steps = 0;

	(void)state;
	sim_start(&s, 10 * GIB);
	a = sim_add(&s, 3 * GIB, 1000 * MIB, 0, 0);
	b = sim_add(&s, 3 * GIB, 1000 * MIB, 0, 0);
	b->g.limits.swap = 200 * MIB;
	sim_run(&s, 3);
	leave(300 * MIB);
	while (b->g.reason != POLICY_SWAP && steps++ < 5) {
		demand = b->g.demand;
		sim_step(&s);
	}
	assert_int_equal(s.policy.state, POLICY_CRITICAL);
	assert_int_equal(a->g.target, a->g.demand);
	assert_int_equal(b->g.reason, POLICY_SWAP);
	assert_int_equal(b->g.target, demand - 200 * MIB);
	/* what it swaps out counts as its demand all the same: it is not squeezed on and on */
	for (int i = 0; i < 20; i++) {
		leave(100 * MIB);
		sim_step(&s);
		assert_true(b->g.target >= demand - 200 * MIB);
		assert_int_equal(a->g.target, a->g.demand);
	}
	assert_true(b->swapped > 0);
}

static void test_a_tight_host_takes_idle_memory_by_weight(void **state)
{
	struct sim_guest *light, *heavy, *busy;

	(void)state;
	sim_start(&s, 20 * GIB);
	light = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	heavy = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	busy = sim_add(&s, 3 * GIB, 2800 * MIB, 0, 0);
	heavy->g.limits.weight = 400;
	for (unsigned int i = 0; i < 3; i++)
		s.guest[i].touched = 3 * GIB;
	leave(20 * GIB / 100 * 14);
	sim_step(&s);
	assert_int_equal(s.policy.state, POLICY_TIGHT);
	assert_int_equal(light->g.reason, POLICY_DONOR);
	/* what was missing up to plenty, not more, and all of it by the one that pays least */
	assert_in_range(light->g.target, 1700 * MIB, 1900 * MIB);
	assert_int_equal(heavy->g.target, 3 * GIB);
	assert_int_equal(busy->g.target, 3 * GIB);
	/* the same guests with less on the host: the heavy one keeps four times the idle memory */
	leave(20 * GIB / 100 * 6);
	sim_run(&s, 3);
	assert_true(light->g.target < heavy->g.target);
	assert_true(light->g.target >= light->g.demand);
	assert_true(busy->g.target >= busy->g.demand);
}

static void test_a_wish_waits_for_the_donors(void **state)
{
	struct sim_guest *donor, *wants;
	uint64_t granted;

	(void)state;
	sim_start(&s, 6 * GIB);
	donor = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	wants = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	donor->touched = donor->g.size = donor->g.all;
	donor->ordered = donor->g.all;
	policy_release(&donor->g);
	leave(310 * MIB); /* 3 MiB above what the host keeps */
	wants->anon += reserve(wants) - 1 * MIB;
	sim_step(&s);
	granted = wants->g.target - wants->g.size;
	assert_int_equal(wants->g.reason, POLICY_NO_ROOM);
	assert_true(granted <= 4 * MIB);
	assert_true(donor->g.order && donor->g.order < donor->g.size);
	sim_run(&s, 2);
	assert_true(wants->g.size >= wants->g.demand);
}

static void test_an_order_of_somebody_else_means_hands_off(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 100);
	v->ordered = 1 * GIB;
	sim_run(&s, 2);
	assert_int_equal(v->g.reason, POLICY_FOREIGN);
	for (int i = 0; i < 600; i++) {
		if (i == 300)
			v->anon += 600 * MIB; /* not even then */
		sim_step(&s);
		assert_int_equal(v->g.order, 0);
	}
	policy_release(&v->g);
	sim_run(&s, 2);
	assert_true(v->g.size > 1 * GIB);
}

static void test_held_and_unmanaged_guests_are_left_alone(void **state)
{
	struct sim_guest *held, *out;

	(void)state;
	sim_start(&s, 10 * GIB);
	held = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	out = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	held->g.held = true;
	out->g.limits.managed = false;
	leave(200 * MIB);
	sim_run(&s, 100);
	assert_int_equal(held->g.size, 3 * GIB);
	assert_int_equal(out->g.size, 3 * GIB);
	assert_int_equal(held->g.reason, POLICY_HELD);
	assert_int_equal(out->g.reason, POLICY_UNMANAGED);
	policy_release(&held->g);
	sim_run(&s, 2);
	assert_true(held->g.size < 3 * GIB);
}

static void test_a_guest_may_help_itself(void **state)
{
	struct sim_guest *v;
	uint64_t helped;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	v->anon += 80 * MIB;
	/* the driver's reflex, of which the emulator knows nothing */
	helped = v->g.size + 40 * MIB;
	v->g.size = v->ordered = helped;
	sim_step(&s);
	assert_true(v->g.order >= helped);
	sim_step(&s);
	assert_int_not_equal(v->g.reason, POLICY_FOREIGN);
	sim_run(&s, 2);
	assert_true(v->g.size >= v->anon + reserve(v));
}

static void test_a_guest_that_does_not_follow_is_flagged_and_not_counted_on(void **state)
{
	int64_t tries[3], nr = 0;
	struct sim_guest *deaf, *wants;
	int steps = 0;

	(void)state;
	sim_start(&s, 7 * GIB);
	deaf = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	deaf->speed = 0;
	deaf->touched = 3 * GIB;
	while (deaf->g.reason != POLICY_NOT_FOLLOWED && steps++ < 20)
		sim_step(&s);
	assert_in_range(steps, 5, 10);
	/* the order is withdrawn: it must not come true some day */
	assert_int_equal(deaf->g.target, deaf->g.size);
	wants = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	for (int i = 0; i < 600 && nr < 3; i++) {
		sim_step(&s);
		assert_true(wants->g.target <= wants->g.size + s.host.available);
		if (deaf->g.reason == POLICY_PROBE || deaf->g.reason == POLICY_DONOR)
			tries[nr++] = s.now;
	}
	assert_int_equal(nr, 3);
	assert_in_range(tries[1] - tries[0], 120000, 130000);
	assert_in_range(tries[2] - tries[1], 240000, 255000);
	/* it wakes up */
	deaf->speed = 100 * MIB;
	sim_run(&s, 500);
	assert_true(deaf->g.size < 3 * GIB);
	assert_int_not_equal(deaf->g.reason, POLICY_NOT_FOLLOWED);
}

static void test_a_paused_guest_need_not_follow(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 5);
	v->g.paused = v->mute = true;
	v->speed = 0;
	sim_run(&s, 60);
	assert_int_equal(v->g.reason, POLICY_NO_FIGURES);
	v->g.paused = v->mute = false;
	v->speed = GIB;
	sim_run(&s, 5);
	assert_int_not_equal(v->g.reason, POLICY_NOT_FOLLOWED);
	assert_int_not_equal(v->g.reason, POLICY_FOREIGN);
}

static void test_stale_figures_move_nothing(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 10 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 5);
	v->mute = true;
	sim_run(&s, 11);
	leave(200 * MIB);
	for (int i = 0; i < 30; i++) {
		sim_step(&s);
		assert_int_equal(v->g.order, 0);
		assert_int_equal(v->g.reason, POLICY_NO_FIGURES);
	}
}

static void test_a_reboot_starts_with_all_memory(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	sim_run(&s, 900);
	policy_rebooted(&v->g);
	v->mute = true;
	v->g.size = v->g.target ? v->g.target : 600 * MIB; /* as the emulator still says */
	sim_step(&s);
	assert_int_equal(v->g.order, 3 * GIB);
	sim_run(&s, 30);
	assert_int_not_equal(v->g.reason, POLICY_NOT_FOLLOWED);
	v->mute = false;
	sim_run(&s, 30);
	assert_true(v->g.size < 3 * GIB);
}

static void test_limits_hold_and_may_change(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 64 * GIB);
	v = sim_add(&s, 3 * GIB, 300 * MIB, 0, 0);
	v->g.limits.min = 1500 * MIB;
	sim_run(&s, 900);
	assert_in_range(v->g.size, 1500 * MIB, 1600 * MIB);
	v->g.limits.max = 1 * GIB;
	v->g.limits.min = 600 * MIB;
	sim_run(&s, 2);
	assert_true(v->g.size <= 1 * GIB);
	v->g.limits.min = 1 * GIB;
	sim_run(&s, 2);
	assert_int_equal(v->g.size, 1 * GIB);
}

static void test_room_for_a_domain_that_starts(void **state)
{
	struct sim_guest *v;

	(void)state;
	sim_start(&s, 20 * GIB);
	v = sim_add(&s, 8 * GIB, 300 * MIB, 0, 0);
	v->touched = 8 * GIB;
	leave(5 * GIB);
	sim_run(&s, 2);
	assert_int_equal(s.policy.state, POLICY_PLENTY);
	s.host.reserved = 4 * GIB;
	sim_run(&s, 2);
	assert_true(v->g.size < 6 * GIB);
}

static void test_impossible_settings_are_named(void **state)
{
	PolicyLimits l = { .managed = true, .weight = 100 };
	PolicyConfig c = { 15, 5 };

	(void)state;
	assert_null(policy_limits_fault(&l, GIB));
	assert_null(policy_config_fault(&c));
	l.weight = 0;
	assert_string_equal(policy_limits_fault(&l, 0), "the weight is not from 1 to 1000");
	l = (PolicyLimits){ .weight = 1, .min = 2 * GIB, .max = 1 * GIB };
	assert_string_equal(policy_limits_fault(&l, 0), "the minimum is above the maximum");
	l.max = 0;
	assert_null(policy_limits_fault(&l, 0));
	assert_string_equal(policy_limits_fault(&l, GIB),
			    "the minimum is above the memory of the domain");
	c.critical_percent = 15;
	assert_non_null(policy_config_fault(&c));
	c.critical_percent = 0;
	assert_non_null(policy_config_fault(&c));
}

static void test_every_reason_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < POLICY_REASONS; i++) {
		assert_non_null(policy_reason_name(i));
		assert_non_null(policy_reason_text(i));
	}
}

/* What a random life counts. */
struct tally {
	uint64_t moves, undone;
	struct {
		int64_t time;
		uint64_t from, demand;
	} last[SIM_GUESTS];
};

/* A move is undone when the next goes back half of it within 10 s, for no new need. */
static void count_moves(struct tally *t, const uint64_t *before)
{
	for (unsigned int i = 0; i < s.nr; i++) {
		const PolicyGuest *g = &s.guest[i].g;
		bool up = g->order > before[i], was_up = before[i] > t->last[i].from;

		if (!g->order || !before[i] || g->silent || g->order == before[i])
			continue;
		t->moves++;
		if (t->last[i].time && s.now - t->last[i].time < 10000 && up != was_up) {
			uint64_t there = was_up ? before[i] - t->last[i].from :
						  t->last[i].from - before[i];
			uint64_t back = up ? g->order - before[i] : before[i] - g->order;

			if (back >= there / 2 && !(up && g->demand > t->last[i].demand))
				t->undone++;
		}
		t->last[i].time = s.now;
		t->last[i].from = before[i];
		t->last[i].demand = g->demand;
	}
}

/* What the orders of one step must not do, whatever came before. */
static void check_bounds(const uint64_t *before, bool swap)
{
	uint64_t given = 0;

	for (unsigned int i = 0; i < s.nr; i++) {
		const struct sim_guest *v = &s.guest[i];
		const PolicyGuest *g = &v->g;
		uint64_t need = v->told;
		/* a guest that was released starts from its size */
		uint64_t from = before[i] ? before[i] : g->size;

		if (!g->order)
			continue;
		assert_true(g->order <= policy_max(g));
		if (g->silent || g->order == g->size)
			continue; /* the old target must not stand */
		if (!before[i] && g->order == policy_max(g))
			continue; /* it starts anew, with what it had when it started first */
		/* one that somebody had taken below its minimum comes back as there is room */
		assert_true(g->order >= policy_min(g) || g->order > from);
		assert_true(g->limits.managed && !g->held && !g->foreign);
		if (g->order > from)
			given += g->order > g->size ? g->order - from : 0;
		else if (!swap && g->reason != POLICY_LIMITS)
			assert_true(g->order >= need + reserve(v) / 2);
		if (g->reason == POLICY_PROBE)
			assert_true(from - g->order <= (from - need) / 100 + 1);
	}
	/* Nothing is promised that is not there. */
	assert_true(given <= s.host.available);
}

static void change_something(struct sim_guest *v)
{
	uint64_t room = v->g.all - v->g.all / 4;

	switch (model_rand(12)) {
	case 0:
		v->anon = 50 * MIB + model_rand(room);
		break;
	case 1:
		v->hot = model_rand(v->g.all / 4);
		break;
	case 2:
		v->cold = model_rand(v->g.all / 2);
		v->cached += v->cold; /* read now */
		break;
	case 3:
		v->speed = model_rand(5) ? 1 + model_rand(4 * GIB) : 0;
		break;
	case 4:
		v->mute = !model_rand(3);
		break;
	case 5:
		if (!model_rand(4))
			v->ordered = 64 * MIB + model_rand(v->g.all - 64 * MIB);
		break;
	case 6:
		policy_release(&v->g);
		break;
	case 7:
		if (!model_rand(4))
			policy_rebooted(&v->g);
		break;
	case 8:
		v->g.limits.weight = 1 + model_rand(1000);
		break;
	default:
		break;
	}
}

static void random_life(struct tally *t, bool swap)
{
	uint64_t before[SIM_GUESTS], all = 0;
	unsigned int nr = 1 + model_rand(SIM_GUESTS);

	sim_start(&s, GIB);
	memset(t->last, 0, sizeof(t->last));
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t size = (256 + model_rand(8192)) * MIB;
		struct sim_guest *v = sim_add(&s, size, size / 16 + model_rand(size / 2),
					      model_rand(size / 8), model_rand(size / 4));

		v->tags = model_rand(3);
		v->g.autodeflate = model_rand(2);
		v->g.limits.weight = 1 + model_rand(1000);
		v->g.limits.swap = swap && model_rand(2) ? 64 * MIB : 0;
		if (!model_rand(4))
			v->g.limits.min = size / 2;
		if (!model_rand(4))
			v->g.limits.max = size / 2 + model_rand(size / 2);
		all += size;
	}
	s.host.total = all / 4 + model_rand(all);
	for (int step = 0; step < 60; step++) {
		if (!model_rand(20))
			s.others = model_rand(s.host.total / 2);
		if (!model_rand(10))
			change_something(&s.guest[model_rand(s.nr)]);
		for (unsigned int i = 0; i < s.nr; i++)
			before[i] = s.guest[i].g.known ? s.guest[i].g.target : 0;
		sim_step(&s);
		check_bounds(before, swap);
		count_moves(t, before);
	}
}

static void test_ten_thousand_random_lives(void **state)
{
	struct tally t = {};

	(void)state;
	model_seed();
	for (int i = 0; i < 10000; i++)
		random_life(&t, i % 4 == 0);
	print_message("%llu moves, %llu undone within 10 s\n", (unsigned long long)t.moves,
		      (unsigned long long)t.undone);
	assert_true(t.moves > 100000);
	assert_true(t.undone * 100 < t.moves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_idle_guest_gives_what_it_does_not_use),
		cmocka_unit_test(test_a_probe_takes_a_hundredth_of_the_slack),
		cmocka_unit_test(test_a_breach_gives_back_to_the_last_calm_point),
		cmocka_unit_test(test_the_pause_doubles_up_to_ten_minutes),
		cmocka_unit_test(test_calm_shortens_the_pause_again),
		cmocka_unit_test(test_hot_cache_is_learned),
		cmocka_unit_test(test_without_refaults_half_of_the_cache_stays),
		cmocka_unit_test(test_need_is_met_with_the_next_sample),
		cmocka_unit_test(test_distress_gets_twice_the_shortfall),
		cmocka_unit_test(test_host_states_have_hysteresis),
		cmocka_unit_test(test_pressure_alone_makes_no_host_critical),
		cmocka_unit_test(test_critical_takes_all_slack_in_one_step),
		cmocka_unit_test(test_only_swap_goes_below_the_demand),
		cmocka_unit_test(test_a_tight_host_takes_idle_memory_by_weight),
		cmocka_unit_test(test_a_wish_waits_for_the_donors),
		cmocka_unit_test(test_an_order_of_somebody_else_means_hands_off),
		cmocka_unit_test(test_held_and_unmanaged_guests_are_left_alone),
		cmocka_unit_test(test_a_guest_may_help_itself),
		cmocka_unit_test(
			test_a_guest_that_does_not_follow_is_flagged_and_not_counted_on),
		cmocka_unit_test(test_a_paused_guest_need_not_follow),
		cmocka_unit_test(test_stale_figures_move_nothing),
		cmocka_unit_test(test_a_reboot_starts_with_all_memory),
		cmocka_unit_test(test_limits_hold_and_may_change),
		cmocka_unit_test(test_room_for_a_domain_that_starts),
		cmocka_unit_test(test_impossible_settings_are_named),
		cmocka_unit_test(test_every_reason_has_a_name),
		cmocka_unit_test(test_ten_thousand_random_lives),
	};

	return cmocka_run_group_tests_name("overcommit_policy", tests, NULL, NULL);
}
