// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The choice of blocks: a table of edges, and random memories against a search
 * that tries everything.  Pure: links that one file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "consolidate_pick.h"

#define PAGES	512
#define MOST	40

static struct consolidate_pick pick;
static u32 order[MOST];

static void begin(const struct consolidate_block *blocks, u32 nr)
{
	consolidate_pick_init(&pick, blocks, nr, PAGES, order);
}

static void test_nothing_to_choose_from(void **state)
{
	u32 block;

	begin(NULL, 0);
	assert_false(consolidate_pick_target(&pick, &block));
	assert_false(consolidate_pick_donor(&pick, &block));
}

static void test_whole_and_foreign_blocks_are_left_alone(void **state)
{
	static const struct consolidate_block blocks[] = {
		{ PAGES, 0 }, { 0, CONSOLIDATE_FIXED },
	};
	u32 block;

	begin(blocks, 2);
	assert_false(consolidate_pick_target(&pick, &block));
	assert_false(consolidate_pick_donor(&pick, &block));
}

static void test_least_to_move_first(void **state)
{
	static const struct consolidate_block blocks[] = {
		{ 100, 400 }, { 500, 12 }, { 0, 0 }, { 300, 100 },
	};
	static const u32 want[] = { 2, 1, 3, 0 };
	u32 block;

	begin(blocks, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(consolidate_pick_target(&pick, &block));
		assert_int_equal(block, want[i]);
	}
	assert_false(consolidate_pick_target(&pick, &block));
}

static void test_blocks_that_stay_broken_give_first(void **state)
{
	static const struct consolidate_block blocks[] = {
		{ 200, 300 }, { 100, CONSOLIDATE_FIXED }, { 400, 10 },
	};
	u32 block;

	begin(blocks, 3);
	assert_true(consolidate_pick_donor(&pick, &block));
	assert_int_equal(block, 1);
	/* It may have more than one exchange needs. */
	assert_true(consolidate_pick_donor(&pick, &block));
	assert_int_equal(block, 1);
	consolidate_pick_empty(&pick);
	assert_true(consolidate_pick_donor(&pick, &block));
	assert_int_equal(block, 0);
	/* Not a target any more. */
	assert_true(consolidate_pick_target(&pick, &block));
	assert_int_equal(block, 2);
	consolidate_pick_empty(&pick);
	assert_false(consolidate_pick_target(&pick, &block));
	assert_false(consolidate_pick_donor(&pick, &block));
}

static void test_a_block_never_gives_to_itself(void **state)
{
	static const struct consolidate_block blocks[] = { { 511, 1 } };
	u32 target, donor;

	begin(blocks, 1);
	assert_true(consolidate_pick_target(&pick, &target));
	assert_false(consolidate_pick_donor(&pick, &donor));
}

static void test_topmost_first(void **state)
{
	/* A little more to move is nothing against a place at the top. */
	static const struct consolidate_block low[] = { { 380, 128 } };
	static const struct consolidate_block high[] = { { 380, 132 } };
	static const struct consolidate_block free[] = { { 0, 0 } };
	struct consolidate_block blocks[MOST];
	u32 block;

	for (int i = 0; i < MOST; i++)
		blocks[i] = i % 2 ? *low : *high;
	begin(blocks, MOST);
	for (int i = MOST; i-- > MOST / 2;) {
		assert_true(consolidate_pick_target(&pick, &block));
		assert_in_range(block, i < 4 ? 0 : i - 4, i + 4);
	}
	/* Much more is not. */
	blocks[0] = *free;
	begin(blocks, MOST);
	assert_true(consolidate_pick_target(&pick, &block));
	assert_int_equal(block, 0);
}

/* Memory this small has one place after the other count as one page more. */
static int rank(const struct consolidate_block *blocks, u32 i, u32 nr)
{
	return blocks[i].busy == CONSOLIDATE_FIXED ? CONSOLIDATE_RANKS - 1 :
	       blocks[i].busy + (int)(nr - 1 - i);
}

/* What holds of every choice, whatever the memory looks like. */
static void check_choices(const struct consolidate_block *blocks, u32 nr)
{
	bool target_of[MOST] = {}, emptied[MOST] = {};
	int last_cost = -1, last_gift = CONSOLIDATE_RANKS;
	u32 block;

	begin(blocks, nr);
	for (;;) {
		if (random() % 2) {
			if (!consolidate_pick_target(&pick, &block))
				break;
			assert_in_range(block, 0, nr - 1);
			assert_false(target_of[block] || emptied[block]);
			assert_int_not_equal(blocks[block].busy, CONSOLIDATE_FIXED);
			assert_int_not_equal(blocks[block].ballooned, PAGES);
			assert_true(rank(blocks, block, nr) >= last_cost);
			last_cost = rank(blocks, block, nr);
			target_of[block] = true;
		} else {
			if (!consolidate_pick_donor(&pick, &block))
				break;
			assert_in_range(block, 0, nr - 1);
			assert_false(target_of[block]);
			assert_in_range(blocks[block].ballooned, 1, PAGES - 1);
			assert_true(rank(blocks, block, nr) <= last_gift);
			last_gift = rank(blocks, block, nr);
			emptied[block] = random() % 2;
			if (emptied[block])
				consolidate_pick_empty(&pick);
		}
		/* Who gives is never cheaper to complete than who is completed. */
		assert_true(last_cost <= last_gift);
	}
}

static void test_random_memories(void **state)
{
	struct consolidate_block blocks[MOST];

	srandom(7);
	for (int run = 0; run < 100000; run++) {
		u32 nr = random() % MOST;

		for (u32 i = 0; i < nr; i++) {
			blocks[i].ballooned = random() % 3 ? random() % (PAGES + 1) : 0;
			blocks[i].busy = random() % (PAGES + 1 - blocks[i].ballooned);
			if (!(random() % 4))
				blocks[i].busy = CONSOLIDATE_FIXED;
		}
		check_choices(blocks, nr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_choose_from),
		cmocka_unit_test(test_whole_and_foreign_blocks_are_left_alone),
		cmocka_unit_test(test_least_to_move_first),
		cmocka_unit_test(test_blocks_that_stay_broken_give_first),
		cmocka_unit_test(test_topmost_first),
		cmocka_unit_test(test_a_block_never_gives_to_itself),
		cmocka_unit_test(test_random_memories),
	};

	return cmocka_run_group_tests_name("consolidate_pick", tests, NULL, NULL);
}
