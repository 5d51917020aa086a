// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nodes of memory give in proportion to what they can spare. Pure: links that one file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model.h"
#include "node_pick.h"

#define NODES	4

/* Takes total pages in turns of 1 to turn pages; gave: by whom. */
static void take(struct node_share *nodes, u64 total, u32 turn, u64 *gave)
{
	memset(gave, 0, NODES * sizeof(*gave));
	while (total) {
		u32 pages = 1 + model_rand(turn);
		int node = node_pick(nodes, NODES, turn);

		pages = pages < total ? pages : total;
		assert_in_range(node, 0, NODES - 1);
		assert_true(nodes[node].spare >= pages);
		node_gave(nodes, NODES, node, pages);
		nodes[node].spare -= pages;
		gave[node] += pages;
		total -= pages;
	}
}

static void test_in_proportion(void **state)
{
	static const u32 turns[] = { 1, 16, 1024 };

	(void)state;
	model_seed();
	for (int run = 0; run < 300; run++) {
		struct node_share nodes[NODES] = {};
		u32 turn = turns[run % 3];
		u64 spare[NODES], gave[NODES], all = 0, total;

		for (int i = 0; i < NODES; i++) {
			spare[i] = model_rand(4) ? 20000 + model_rand(100000) : 0;
			nodes[i].spare = spare[i];
			all += spare[i];
		}
		if (!all)
			continue;
		total = all / 10 + model_rand(all / 2);
		take(nodes, total, turn, gave);
		for (int i = 0; i < NODES; i++) {
			u64 want = total * spare[i] / all;

			assert_true(gave[i] <= want + 2 * turn + NODES);
			assert_true(gave[i] + 2 * turn + NODES >= want);
		}
	}
}

static void test_a_full_node_gives_nothing(void **state)
{
	struct node_share nodes[NODES] = { { 1000, 0 }, { 0, 1 << 20 }, { 1000, 0 }, { 0, 0 } };

	(void)state;
	for (int i = 0; i < 100; i++) {
		int node = node_pick(nodes, NODES, 8);

		assert_true(node == 0 || node == 2);
		node_gave(nodes, NODES, node, 8);
	}
	nodes[0].spare = nodes[2].spare = 0;
	assert_int_equal(node_pick(nodes, NODES, 8), -1);
}

static void test_memory_of_any_size(void **state)
{
	struct node_share nodes[2] = { { 3ULL << 40, 0 }, { 1ULL << 40, 0 } };
	int first = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		int node = node_pick(nodes, 2, 1024);

		node_gave(nodes, 2, node, 1024);
		first += !node;
	}
	assert_in_range(first, 299, 301);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_proportion),
		cmocka_unit_test(test_a_full_node_gives_nothing),
		cmocka_unit_test(test_memory_of_any_size),
	};

	return cmocka_run_group_tests_name("node_pick", tests, NULL, NULL);
}
