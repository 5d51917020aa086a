// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The resize policy: a table of edges, and random lives of a guest against
 * rules that hold whatever happens (I4).  Pure: links that one file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "resize_policy.h"

#define NEVER	UINT64_MAX

struct edge {
	const char *what;
	struct resize_policy past;
	struct resize_view view;
	struct resize_step want;
};

/* The guest may have nothing of the balloon; without page cache. */
#define VIEW(now, tgt, has, comes, avail, fl) \
	{ .now_ms = now, .target = tgt, .size = has, .coming = comes, .available = avail, \
	  .usable = avail, .floor = fl }
/* It may. */
#define GIVES(now, tgt, has, comes, avail, fl, goes) \
	{ .now_ms = now, .target = tgt, .size = has, .coming = comes, .available = avail, \
	  .usable = avail, .floor = fl, .gives = true, .leaving = goes }
#define PAST(backoff, retry, hold) \
	{ .backoff_ms = backoff, .retry_at_ms = retry, .hold_until_ms = hold }

static const struct edge edges[] = {
	{ "at the target", {}, VIEW(5, 100, 100, 0, 1000, 10), { RESIZE_REST, 0, 0 } },
	{ "at the target, below the floor", {}, VIEW(5, 100, 100, 0, 0, 10),
	  { RESIZE_REST, 0, 0 } },
	{ "empty and to stay so", {}, VIEW(0, 0, 0, 0, 0, 0), { RESIZE_REST, 0, 0 } },
	{ "one page too few", {}, VIEW(5, 101, 100, 0, 1000, 10), { RESIZE_INFLATE, 1, 0 } },
	{ "one page too many", {}, VIEW(5, 99, 100, 0, 1000, 10), { RESIZE_DEFLATE, 1, 0 } },
	{ "all of it back", {}, VIEW(5, 0, 100, 0, 0, 10), { RESIZE_DEFLATE, 100, 0 } },
	{ "down to the floor", {}, VIEW(5, 5000, 0, 0, 110, 10), { RESIZE_INFLATE, 100, 0 } },
	{ "one page above the floor", {}, VIEW(5, 5000, 0, 0, 11, 10), { RESIZE_INFLATE, 1, 0 } },
	{ "at the floor", {}, VIEW(5, 5000, 0, 0, 10, 10), { RESIZE_WAIT, 0, 200 } },
	{ "below the floor", {}, VIEW(5, 5000, 0, 0, 0, 10), { RESIZE_WAIT, 0, 200 } },
	{ "no floor, nothing left", {}, VIEW(5, 5000, 0, 0, 0, 0), { RESIZE_WAIT, 0, 200 } },
	{ "a floor above all memory", {}, VIEW(5, 10, 0, 0, 1000, NEVER), { RESIZE_WAIT, 0, 200 } },
	{ "below the floor a second time", PAST(200, 0, 0), VIEW(5, 50, 0, 0, 0, 10),
	  { RESIZE_WAIT, 0, 400 } },
	{ "a millisecond too early", PAST(200, 1000, 0), VIEW(999, 50, 0, 0, 1000, 10),
	  { RESIZE_WAIT, 0, 1 } },
	{ "the time has come", PAST(200, 1000, 0), VIEW(1000, 50, 0, 0, 1000, 10),
	  { RESIZE_INFLATE, 50, 0 } },
	{ "held off", PAST(0, 0, 1000), VIEW(400, 50, 0, 0, 1000, 10), { RESIZE_WAIT, 0, 600 } },
	{ "held off longer than backed off", PAST(200, 500, 1000), VIEW(400, 50, 0, 0, 1000, 10),
	  { RESIZE_WAIT, 0, 600 } },
	{ "backed off longer than held off", PAST(200, 1000, 500), VIEW(400, 50, 0, 0, 1000, 10),
	  { RESIZE_WAIT, 0, 600 } },
	{ "deflates while held off", PAST(200, 1000, 1000), VIEW(400, 0, 50, 0, 0, 10),
	  { RESIZE_DEFLATE, 50, 0 } },
	{ "rests while held off", PAST(200, 1000, 1000), VIEW(400, 50, 50, 0, 0, 10),
	  { RESIZE_REST, 0, 0 } },
	{ "the rest is coming", {}, VIEW(5, 101, 70, 31, 1000, 10), { RESIZE_REST, 0, 0 } },
	{ "more is coming than is wanted", {}, VIEW(5, 101, 70, 90, 1000, 10),
	  { RESIZE_REST, 0, 0 } },
	{ "some is coming", {}, VIEW(5, 101, 70, 30, 1000, 10), { RESIZE_INFLATE, 1, 0 } },
	{ "what comes is not there to deflate", {}, VIEW(5, 10, 11, 90, 0, 10),
	  { RESIZE_DEFLATE, 1, 0 } },
	{ "more than 32 bits count", {}, VIEW(5, 1ULL << 40, 0, 0, 1ULL << 41, 10),
	  { RESIZE_INFLATE, 1ULL << 40, 0 } },
	{ "a little below the floor is not in need", {}, GIVES(5, 500, 400, 0, 75, 100, 0),
	  { RESIZE_WAIT, 0, 200 } },
	{ "in need: up to twice the floor", {}, GIVES(5, 500, 400, 0, 74, 100, 0),
	  { RESIZE_GIVE, 126, 0 } },
	{ "in need at the target", {}, GIVES(5, 400, 400, 0, 0, 100, 0), { RESIZE_GIVE, 200, 0 } },
	{ "in need of more than there is", {}, GIVES(5, 400, 30, 0, 0, 100, 0),
	  { RESIZE_GIVE, 30, 0 } },
	{ "in need, and nothing there", {}, GIVES(5, 400, 0, 0, 0, 100, 0),
	  { RESIZE_WAIT, 0, RESIZE_HOLD_OFF_MS } },
	{ "what leaves already counts", {}, GIVES(5, 500, 400, 0, 10, 100, 65),
	  { RESIZE_WAIT, 0, 200 } },
	{ "and counts if it is not enough", {}, GIVES(5, 500, 400, 0, 10, 100, 64),
	  { RESIZE_GIVE, 126, 0 } },
	{ "in need while held off", PAST(200, 1000, 1000), GIVES(5, 500, 400, 0, 10, 100, 0),
	  { RESIZE_GIVE, 190, 0 } },
	{ "in need, and the host asks for less", {}, GIVES(5, 100, 400, 0, 0, 100, 0),
	  { RESIZE_DEFLATE, 300, 0 } },
};

static void test_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		struct resize_policy rp = edges[i].past;
		struct resize_step got = resize_policy_next(&rp, &edges[i].view);
		const struct resize_step *want = &edges[i].want;

		if (got.action != want->action || got.pages != want->pages ||
		    got.wait_ms != want->wait_ms)
			fail_msg("%s: action %d, %llu pages, %u ms", edges[i].what, got.action,
				 got.pages, got.wait_ms);
	}
}

static void test_back_off_doubles(void **state)
{
	struct resize_policy rp = {};
	u32 want = RESIZE_BACKOFF_MIN_MS, got;

	(void)state;
	assert_int_equal(RESIZE_BACKOFF_MIN_MS, 200);
	assert_int_equal(RESIZE_BACKOFF_MAX_MS, 32000);
	for (int i = 0; i < 12; i++) {
		got = resize_policy_dry(&rp, 70);
		assert_int_equal(got, want);
		assert_int_equal(rp.retry_at_ms, 70 + want);
		want = want * 2 < RESIZE_BACKOFF_MAX_MS ? want * 2 : RESIZE_BACKOFF_MAX_MS;
	}
	assert_int_equal(got, RESIZE_BACKOFF_MAX_MS);
	resize_policy_gave(&rp);
	assert_int_equal(resize_policy_dry(&rp, 70), RESIZE_BACKOFF_MIN_MS);
}

static void test_retarget_ends_back_off_only(void **state)
{
	struct resize_policy rp = {};
	struct resize_view view = { .now_ms = 1000, .target = 50, .available = 100, .floor = 10 };
	struct resize_step step;

	(void)state;
	resize_policy_dry(&rp, 1000);
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_WAIT);
	resize_policy_retarget(&rp);
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_INFLATE);
	assert_int_equal(resize_policy_dry(&rp, 1000), RESIZE_BACKOFF_MIN_MS);

	resize_policy_oom(&rp, 1000);
	resize_policy_retarget(&rp);
	resize_policy_gave(&rp);
	step = resize_policy_next(&rp, &view);
	assert_int_equal(step.action, RESIZE_WAIT);
	assert_int_equal(step.wait_ms, RESIZE_HOLD_OFF_MS);
	view.now_ms += RESIZE_HOLD_OFF_MS;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_INFLATE);
}

static const struct resize_view in_need = GIVES(100000, 5000, 4000, 0, 70, 100, 0);

/* Once begun it goes on up to twice the floor, and is not begun again before there is need. */
static void test_need_has_hysteresis(void **state)
{
	struct resize_policy rp = {};
	struct resize_view view = in_need;
	struct resize_step step;

	(void)state;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_GIVE);
	view.usable = view.available = 199;
	step = resize_policy_next(&rp, &view);
	assert_int_equal(step.action, RESIZE_GIVE);
	assert_int_equal(step.pages, 1);
	view.usable = view.available = 200;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_WAIT);
	view.usable = view.available = 75;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_WAIT);
	view.usable = view.available = 74;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_GIVE);
}

/* Files that are read take the place of free memory, and are there to be had. */
static void test_page_cache_is_no_need(void **state)
{
	struct resize_policy rp = {};
	struct resize_view view = in_need;

	(void)state;
	view.available = 0;
	view.usable = 75;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_WAIT);
	assert_int_equal(rp.hold_until_ms, 0);
}

/* What was given is not asked back for ten seconds, and then only down to the floor. */
static void test_given_pages_stay(void **state)
{
	struct resize_policy rp = {};
	struct resize_view view = in_need;
	struct resize_step step;

	(void)state;
	assert_int_equal(resize_policy_next(&rp, &view).action, RESIZE_GIVE);
	view.usable = view.available = 1000;
	view.now_ms += RESIZE_HOLD_OFF_MS - 1;
	resize_policy_retarget(&rp);
	step = resize_policy_next(&rp, &view);
	assert_int_equal(step.action, RESIZE_WAIT);
	assert_int_equal(step.wait_ms, 1);
	view.now_ms++;
	step = resize_policy_next(&rp, &view);
	assert_int_equal(step.action, RESIZE_INFLATE);
	assert_int_equal(step.pages, 900);
}

/* In need, given all that takes, and in need again ms later. Returns what it gets then. */
static u64 need_again(struct resize_policy *rp, struct resize_view *view, u64 ms)
{
	struct resize_step step;

	view->usable = view->available = view->floor * (2 + RESIZE_SHARE_MAX);
	assert_int_not_equal(resize_policy_next(rp, view).action, RESIZE_GIVE);
	view->usable = view->available = 0;
	view->now_ms += ms;
	step = resize_policy_next(rp, view);
	assert_int_equal(step.action, RESIZE_GIVE);
	return step.pages;
}

static void test_who_needs_more_gets_more(void **state)
{
	struct resize_policy rp = {};
	struct resize_view view = in_need;
	u64 share = 100;

	(void)state;
	assert_int_equal(need_again(&rp, &view, 0), 200);
	for (int i = 0; i < 6; i++) {
		share = share * 2 < 800 ? share * 2 : 800;
		assert_int_equal(need_again(&rp, &view, RESIZE_AGAIN_MS - 1), 100 + share);
	}
	assert_int_equal(need_again(&rp, &view, RESIZE_AGAIN_MS), 200);
}

/* What a step must be, whatever the past: told by the clock of the test itself. */
static void check_step(const struct resize_step *step, const struct resize_view *v,
		       u64 dry_until, u64 held_until)
{
	switch (step->action) {
	case RESIZE_REST:
		assert_true(v->size <= v->target && v->size + v->coming >= v->target);
		break;
	case RESIZE_DEFLATE:
		assert_true(v->size > v->target);
		assert_true(step->pages == v->size - v->target);
		break;
	case RESIZE_GIVE:
		assert_true(v->gives && v->size <= v->target);
		assert_true(step->pages > 0 && step->pages <= v->size);
		assert_true(v->usable + v->leaving + step->pages <=
			    v->floor * (1 + RESIZE_SHARE_MAX));
		break;
	case RESIZE_INFLATE:
		assert_true(v->now_ms >= dry_until && v->now_ms >= held_until);
		assert_true(step->pages > 0 && v->size + v->coming + step->pages <= v->target);
		assert_true(v->available >= v->floor + step->pages);
		break;
	default:
		assert_true(v->size + v->coming < v->target);
		assert_in_range(step->wait_ms, 1, RESIZE_BACKOFF_MAX_MS);
		break;
	}
	assert_true(step->action == RESIZE_WAIT || !step->wait_ms);
}

static void random_life(void)
{
	struct resize_policy rp = {};
	struct resize_view v = { .floor = model_rand(2000), .gives = model_rand(2) };
	u64 memory = 1000 + model_rand(100000), used = 0;
	u64 dry_until = 0, held_until = 0, backoff = 0;

	for (int i = 0; i < 2000; i++) {
		struct resize_step step;

		v.now_ms += model_rand(3) ? model_rand(50) : model_rand(40000);
		used = model_rand(4) ? used : model_rand(memory);
		if (!model_rand(8)) {
			v.target = model_rand(memory * 2);
			resize_policy_retarget(&rp);
			dry_until = backoff = 0;
		}
		if (!model_rand(32)) {
			/* OOM: some pages leave by another door. */
			v.size -= model_rand(v.size + 1);
			resize_policy_oom(&rp, v.now_ms);
			held_until = v.now_ms + 10000;
		}
		if (!model_rand(3)) {
			/* Answers; the host may refuse. */
			u64 answered = model_rand(v.coming + 1);

			v.coming -= answered;
			v.size += model_rand(8) ? answered : 0;
		}
		v.available = used + v.size + v.coming < memory ?
			      memory - used - v.size - v.coming : 0;
		v.usable = v.available + (model_rand(2) ? model_rand(1000) : 0);
		v.leaving = model_rand(2) ? model_rand(1000) : 0;
		step = resize_policy_next(&rp, &v);
		check_step(&step, &v, dry_until, held_until);
		/* In need, even where there is nothing to give. */
		if (rp.give_to)
			held_until = v.now_ms + 10000;
		if (v.gives && v.size && v.size <= v.target &&
		    v.usable + v.leaving < v.floor - v.floor / 4)
			assert_int_equal(step.action, RESIZE_GIVE);
		if (step.action == RESIZE_GIVE) {
			v.size -= step.pages;
		} else if (step.action == RESIZE_INFLATE && model_rand(4)) {
			v.coming += step.pages;
			resize_policy_gave(&rp);
			backoff = 0;
		} else if (step.action == RESIZE_INFLATE) {
			/* The allocator had less than it said. */
			u32 wait = resize_policy_dry(&rp, v.now_ms);

			backoff = backoff ? backoff * 2 < 32000 ? backoff * 2 : 32000 : 200;
			assert_int_equal(wait, backoff);
			dry_until = v.now_ms + backoff;
		} else if (step.action == RESIZE_DEFLATE) {
			v.size -= step.pages;
		} else if (step.action == RESIZE_WAIT && v.now_ms >= dry_until &&
			   v.now_ms >= held_until) {
			assert_true(v.available <= v.floor);
			backoff = backoff ? backoff * 2 < 32000 ? backoff * 2 : 32000 : 200;
			assert_int_equal(step.wait_ms, backoff);
			dry_until = v.now_ms + backoff;
		}
	}
}

static void test_random_lives(void **state)
{
	(void)state;
	model_seed();
	for (int i = 0; i < 300; i++)
		random_life();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_back_off_doubles),
		cmocka_unit_test(test_retarget_ends_back_off_only),
		cmocka_unit_test(test_need_has_hysteresis),
		cmocka_unit_test(test_page_cache_is_no_need),
		cmocka_unit_test(test_given_pages_stay),
		cmocka_unit_test(test_who_needs_more_gets_more),
		cmocka_unit_test(test_random_lives),
	};

	return cmocka_run_group_tests_name("resize_policy", tests, NULL, NULL);
}
