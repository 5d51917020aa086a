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
#include "gather_pick.h"

#define PAGES	512
#define MOST	40

static struct gather_pick pick;
static u32 order[MOST];

static void begin(const struct gather_block *blocks, u32 nr)
{
	gather_pick_init(&pick, blocks, nr, PAGES, order);
}

static void test_nothing_to_choose_from(void **state)
{
	u32 block;

	begin(NULL, 0);
	assert_false(gather_pick_target(&pick, &block));
	assert_false(gather_pick_donor(&pick, &block));
}

static void test_whole_and_foreign_blocks_are_left_alone(void **state)
{
	static const struct gather_block blocks[] = {
		{ PAGES, 0 }, { 0, GATHER_UNMOVABLE },
	};
	u32 block;

	begin(blocks, 2);
	assert_false(gather_pick_target(&pick, &block));
	assert_false(gather_pick_donor(&pick, &block));
}

static void test_least_to_move_first(void **state)
{
	static const struct gather_block blocks[] = {
		{ 100, 400 }, { 500, 12 }, { 0, 0 }, { 300, 100 },
	};
	static const u32 want[] = { 2, 1, 3, 0 };
	u32 block;

	begin(blocks, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(gather_pick_target(&pick, &block));
		assert_int_equal(block, want[i]);
	}
	assert_false(gather_pick_target(&pick, &block));
}

static void test_blocks_that_stay_broken_give_first(void **state)
{
	static const struct gather_block blocks[] = {
		{ 200, 300 }, { 100, GATHER_UNMOVABLE }, { 400, 10 },
	};
	u32 block;

	begin(blocks, 3);
	assert_true(gather_pick_donor(&pick, &block));
	assert_int_equal(block, 1);
	/* It may have more than one exchange needs. */
	assert_true(gather_pick_donor(&pick, &block));
	assert_int_equal(block, 1);
	gather_pick_empty(&pick);
	assert_true(gather_pick_donor(&pick, &block));
	assert_int_equal(block, 0);
	/* Not a target any more. */
	assert_true(gather_pick_target(&pick, &block));
	assert_int_equal(block, 2);
	gather_pick_empty(&pick);
	assert_false(gather_pick_target(&pick, &block));
	assert_false(gather_pick_donor(&pick, &block));
}

static void test_a_block_never_gives_to_itself(void **state)
{
	static const struct gather_block blocks[] = { { 511, 1 } };
	u32 target, donor;

	begin(blocks, 1);
	assert_true(gather_pick_target(&pick, &target));
	assert_false(gather_pick_donor(&pick, &donor));
}

static void test_topmost_first(void **state)
{
	/* A little more to move is nothing against a place at the top. */
	static const struct gather_block low[] = { { 380, 128 } };
	static const struct gather_block high[] = { { 380, 132 } };
	static const struct gather_block free[] = { { 0, 0 } };
	struct gather_block blocks[MOST];
	u32 block;

	for (int i = 0; i < MOST; i++)
		blocks[i] = i % 2 ? *low : *high;
	begin(blocks, MOST);
	for (int i = MOST; i-- > MOST / 2;) {
		assert_true(gather_pick_target(&pick, &block));
		assert_in_range(block, i < 4 ? 0 : i - 4, i + 4);
	}
	/* Much more is not. */
	blocks[0] = *free;
	begin(blocks, MOST);
	assert_true(gather_pick_target(&pick, &block));
	assert_int_equal(block, 0);
}

/* Memory this small has one place after the other count as one page more. */
static int rank(const struct gather_block *blocks, u32 i, u32 nr)
{
	return blocks[i].in_use == GATHER_UNMOVABLE ? GATHER_RANKS - 1 :
	       blocks[i].in_use + (int)(nr - 1 - i);
}

/* What holds of every choice, whatever the memory looks like. */
static void check_choices(const struct gather_block *blocks, u32 nr)
{
	bool target_of[MOST] = {}, emptied[MOST] = {};
	int last_cost = -1, last_gift = GATHER_RANKS;
	u32 block;

	begin(blocks, nr);
	for (;;) {
		if (random() % 2) {
			if (!gather_pick_target(&pick, &block))
				break;
			assert_in_range(block, 0, nr - 1);
			assert_false(target_of[block] || emptied[block]);
			assert_int_not_equal(blocks[block].in_use, GATHER_UNMOVABLE);
			assert_int_not_equal(blocks[block].ballooned, PAGES);
			assert_true(rank(blocks, block, nr) >= last_cost);
			last_cost = rank(blocks, block, nr);
			target_of[block] = true;
		} else {
			if (!gather_pick_donor(&pick, &block))
				break;
			assert_in_range(block, 0, nr - 1);
			assert_false(target_of[block]);
			assert_in_range(blocks[block].ballooned, 1, PAGES - 1);
			assert_true(rank(blocks, block, nr) <= last_gift);
			last_gift = rank(blocks, block, nr);
			emptied[block] = random() % 2;
			if (emptied[block])
				gather_pick_empty(&pick);
		}
		/* Who gives is never cheaper to complete than who is completed. */
		assert_true(last_cost <= last_gift);
	}
}

static void test_random_memories(void **state)
{
	struct gather_block blocks[MOST];

	srandom(7);
	for (int run = 0; run < 100000; run++) {
		u32 nr = random() % MOST;

		for (u32 i = 0; i < nr; i++) {
			blocks[i].ballooned = random() % 3 ? random() % (PAGES + 1) : 0;
			blocks[i].in_use = random() % (PAGES + 1 - blocks[i].ballooned);
			if (!(random() % 4))
				blocks[i].in_use = GATHER_UNMOVABLE;
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

	return cmocka_run_group_tests_name("gather_pick", tests, NULL, NULL);
}
