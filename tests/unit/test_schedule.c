// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything at once, in an order that one seed decides: compactors in all
 * modes, a host that answers late, on either queue first, or not for a while,
 * targets that change, somebody who uses memory, emergencies, suspends, and in
 * the end a removal with all of that still going on.  The model checks each
 * step, a watcher the sums (I3) wherever the driver's lock is free.
 *
 * A failure prints its seed: SEED=n runs that one alone, RUNS=n so many.
 */
#include <stdlib.h>

#include "rig.h"

#define FRAMES	4096
#define STEPS	400

struct life {
	bool quiet, closing, removed;
	unsigned int refusals;
	unsigned int compactors;
	unsigned long moved, failed, turns, exchanged;
};

static struct life life;

static void compactor(void *arg)
{
	const enum migrate_mode modes[] = { MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC };

	/* It goes on beside the removal, and does not know of that. */
	while (!life.removed) {
		enum migrate_mode mode = modes[sim_rand(3)];
		unsigned long n = 1 + sim_rand(sim_rand(4) ? 64 : 700);
		struct page *first = &vm_frames[sim_rand(FRAMES - n)];
		struct vm_result r;

		if (life.quiet) {
			sim_sleep(1);
			continue;
		}
		if (sim_rand(8))
			r = vm_compact(first, n, mode);
		else
			vm_contig(first, n, &r);
		life.moved += r.moved;
		life.failed += r.failed;
		sim_check(!r.freed_under_us, "a page in migration's hands was freed");
		sim_sleep(sim_rand(3));
	}
	life.compactors--;
}

/* Gathers blocks; goes on until the device stops it, and after that. */
static void exchanger(void *arg)
{
	while (!life.closing) {
		struct page *first = &vm_frames[sim_rand(FRAMES / RIG_BLOCK) * RIG_BLOCK];

		if (!life.quiet)
			life.exchanged += !(sim_rand(3) ? rig_exchange(first) :
							  rig_evacuate(first));
		sim_sleep(1 + sim_rand(20));
	}
}

/* Looks at frames as a memory scanner does: a reference for a while, no more. */
static void onlooker(void *arg)
{
	while (!life.removed) {
		struct page *page = &vm_frames[sim_rand(FRAMES)];

		if (!life.quiet && page->owner == VM_BALLOON && page->offline && page->count > 0) {
			page->count++;
			sim_sleep(sim_rand(5));
			put_page(page);
		}
		sim_sleep(1);
	}
}

static void host_task(void *arg)
{
	while (!life.removed) {
		if (life.quiet || !sim_rand(6))
			fake_host_answer(sim_rand(HOSTCOMM_NR_VQS), 1 + sim_rand(3));
		if (!life.quiet && !sim_rand(300))
			sim_sleep(sim_rand(100) ? sim_rand(20) : sim_rand(8 * HZ));
		if (life.refusals && !host.refuse && !sim_rand(50)) {
			life.refusals--;
			host.refuse = 1;
			host.refuse_op = sim_rand(HOSTCOMM_NR_OPS);
			host.refuse_after = sim_rand(3);
			host.refuse_err = -EBADSLT;
		}
		sim_sleep(sim_rand(2));
	}
}

static void watcher(void *arg)
{
	while (!life.closing) {
		rig_check();
		sim_sleep(1 + sim_rand(4));
	}
}

/* Somebody in the guest who takes memory and gives it back. */
static void guest(void *arg)
{
	struct page *mine[1024];
	unsigned int n = 0;

	while (!life.closing) {
		for (unsigned int want = sim_rand(1024); n < want; n++) {
			mine[n] = vm_alloc(VM_GUEST);
			if (!mine[n])
				break;
		}
		/* Not in the order they came: memory gets fragmented. */
		for (unsigned int less = sim_rand(n + 1); less; less--) {
			unsigned int i = sim_rand(n);

			put_page(mine[i]);
			mine[i] = mine[--n];
		}
		sim_sleep(sim_rand(30));
	}
	while (n)
		put_page(mine[--n]);
}

/* An allocation of the driver's own that ends up in compaction. */
static void reclaim(void)
{
	vm_compact(&vm_frames[sim_rand(FRAMES - 64)], 64, MIGRATE_ASYNC);
}

static void suspend(void)
{
	life.turns++;
	rig_sleep();
	sim_check(!rig_wake(true), "the device does not wake up");
}

static void live(bool with_oom)
{
	for (int i = 0; i < STEPS; i++) {
		unsigned long freed = 0;

		switch (sim_rand(with_oom ? 24 : 23)) {
		case 0 ... 5:
			rig_target(sim_rand(2) ? sim_rand(FRAMES) : 0);
			break;
		case 6:
			host.room = 1 + sim_rand(8);
			break;
		case 7:
			if (!sim_rand(10))
				suspend();
			break;
		case 23:
			rig_oom->notifier_call(rig_oom, 0, &freed);
			break;
		default:
			sim_sleep(sim_rand(40));
			break;
		}
	}
}

static bool at_rest(void)
{
	struct balloon_pages *bp = &rig->pages;

	return !rig->hostcomm.inflight && !bp->isolated && !bp->moving &&
	       !bp->pending && !bp->exchanging && !rig_moves_held() && !bp->lock.owner &&
	       rig_given() == bp->listed + bp->whole && sim_work_idle();
}

/* All that is out comes home: then the sums are exact. */
static void quieten(void)
{
	unsigned long patience = 60 * HZ;

	life.quiet = true;
	host.refuse = life.refusals = 0;
	rig_target(pages_size(&rig->pages));
	/* References of onlookers and pages of compactors come back by then. */
	sim_sleep(2 * HZ);
	while (!at_rest() && --patience)
		sim_sleep(1);
	sim_check(patience, "no rest after 60 s: %u requests out", rig->hostcomm.inflight);
	rig_check_rest();
	sim_check(rig_given() == pages_size(&rig->pages), "the host reads a size of %lu",
		  rig_given());
	life.quiet = false;
}

static bool compactors_done(void *arg)
{
	return !life.compactors;
}

static void one_life(uint64_t seed)
{
	bool ops = seed % 2, with_oom = seed / 2 % 2, quiet_end = seed / 4 % 3;
	u64 features = 0;

	if (ops)
		features |= 1ULL << VIRTIO_BALLOON_F_PAGE_OPS;
	if (with_oom)
		features |= 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	rig_start(seed, 0, FRAMES, features);
	sim_odds(4 + sim_rand(60));
	host.at_once = false;
	host.room = 1 + sim_rand(8);
	vm_reclaim = reclaim;
	life = (struct life){ .compactors = 1 + sim_rand(3), .refusals = ops ? 20 : 0 };

	for (unsigned int i = 0; i < life.compactors; i++)
		sim_spawn("compactor", compactor, NULL);
	sim_spawn("onlooker", onlooker, NULL);
	if (seed % 3)
		sim_spawn("exchanger", exchanger, NULL);
	sim_spawn("host", host_task, NULL);
	sim_spawn("watcher", watcher, NULL);
	sim_spawn("guest", guest, NULL);

	live(with_oom);
	if (quiet_end)
		quieten();
	else if (sim_rand(2))
		host.broken = true;
	life.closing = true;
	rig_remove();
	life.removed = true;
	sim_block(compactors_done, NULL, sim_after(60 * HZ), "compactors to end");
	sim_join();
	sim_odds(0);
	rig_stop();
}

static void test_random_schedules(void **state)
{
	unsigned int runs = sim_runs(40);
	unsigned long moved = 0, suspends = 0, exchanged = 0;

	for (unsigned int i = 0; i < runs; i++) {
		one_life(sim_seed(1000 + i));
		moved += life.moved;
		suspends += life.turns;
		exchanged += life.exchanged;
	}
	printf("   %u lives, %lu pages moved, %lu blocks exchanged, %lu suspends\n", runs, moved,
	       exchanged, suspends);
	/* Else it proved nothing. */
	if (getenv("SEED"))
		return;
	assert_true(moved > 100 * runs);
	assert_true(exchanged > runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_schedules),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
