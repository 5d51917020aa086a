// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two protocols of the driver in the words of C++, for Relacy, which runs every
 * interleaving of a few threads, lets each load see every value that the memory
 * model allows, and finds accesses that are not ordered. The orders are those of
 * the driver's lines (units.mk looks), so that a line that loses its order there
 * loses it here.
 */
#include <ostream>

#include <relacy/relacy.hpp>

#include "publish_model.h"

namespace {

/* A batch of moves (migrate.c), of one move. */
enum { IDLE, FILLING, SWAPPING, REFUSED };

/*
 * Thread 0: the host refuses the batch that is out (migrate_swapped). Thread 1: the
 * work that undoes it (migrate_undo). Thread 2: a callback that looks for a batch to
 * fill (migrate_open, migrate_enter).
 */
template <rl::memory_order store, rl::memory_order load>
struct batch : rl::test_suite<batch<store, load>, 3> {
	rl::mutex lock;
	rl::atomic<int> state;
	rl::var<int> nr, move;

	void before()
	{
		state($) = SWAPPING;
		nr($) = 2;
		move($) = 1;
	}

	void answer()
	{
		move($) = 2; /* the first was told, the second takes its place */
		lock.lock($);
		nr($) = nr($) - 1;
		state.store(REFUSED, store, $);
		lock.unlock($);
	}

	void undo()
	{
		if (state.load(load, $) != REFUSED)
			return;
		RL_ASSERT(nr($) == 1 && move($) == 2);
		lock.lock($);
		nr($) = 0;
		state.store(IDLE, store, $);
		lock.unlock($);
	}

	void fill()
	{
		lock.lock($);
		if (state.load(rl::mo_relaxed, $) == IDLE) {
			state.store(FILLING, store, $);
			RL_ASSERT(nr($) == 0);
			move($) = 3;
			nr($) = 1;
		}
		lock.unlock($);
	}

	void thread(unsigned int index)
	{
		if (index == 0)
			answer();
		else if (index == 1)
			undo();
		else
			fill();
	}
};

/*
 * A request that its owner may use again once its answer was dealt with:
 * hostcomm_request.state, hostcomm.inflight. Thread 0: the answer. Thread 1: the owner.
 */
template <rl::memory_order store, rl::memory_order load>
struct request : rl::test_suite<request<store, load>, 2> {
	rl::atomic<int> busy;
	rl::var<int> pages;

	void before()
	{
		busy($) = 1;
		pages($) = 1;
	}

	void thread(unsigned int index)
	{
		if (index == 0) {
			pages($) = 0;
			busy.store(0, store, $);
		} else if (!busy.load(load, $)) {
			RL_ASSERT(pages($) == 0);
			pages($) = 2;
		}
	}
};

template <typename test>
bool holds()
{
	/* Relacy counts what it allocates itself: a stream that keeps text would spoil that. */
	std::ostream nowhere(nullptr);
	rl::test_params params;

	params.search_type = rl::sched_full;
	params.output_stream = params.progress_stream = &nowhere;
	return rl::simulate<test>(params);
}

template <template <rl::memory_order, rl::memory_order> class test, rl::memory_order store,
	  rl::memory_order load>
bool holds_with(enum publish_order store_as, enum publish_order load_as)
{
	if (store_as == RELAXED)
		return holds<test<rl::mo_relaxed, load>>();
	if (load_as == RELAXED)
		return holds<test<store, rl::mo_relaxed>>();
	return holds<test<store, load>>();
}

} // namespace

bool publish_batch_holds(enum publish_order store, enum publish_order load)
{
	return holds_with<batch, rl::BATCH_STORE, rl::BATCH_LOAD>(store, load);
}

bool publish_request_holds(enum publish_order store, enum publish_order load)
{
	return holds_with<request, rl::REQUEST_STORE, rl::REQUEST_LOAD>(store, load);
}
