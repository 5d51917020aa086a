// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random numbers of the machine in sim.h, and sleeping for a time.
 */
#include <stdlib.h>

#include <linux/jiffies.h>
#include "sim.h"

static uint64_t rng;

void sim_rand_start(uint64_t seed)
{
	rng = seed * 2654435761u + 88172645463325252ULL;
}

/* xorshift: [0, below) */
uint64_t sim_rand(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return below ? (rng >> 11) % below : 0;
}

uint64_t sim_seed(uint64_t fallback)
{
	const char *s = getenv("SEED");

	return s ? strtoull(s, NULL, 0) : fallback;
}

unsigned int sim_runs(unsigned int fallback)
{
	const char *s = getenv("RUNS");

	if (getenv("SEED"))
		return 1;
	return s ? strtoul(s, NULL, 0) : fallback;
}

static bool never(void *arg)
{
	return arg == &never;
}

unsigned long sim_after(unsigned long ticks)
{
	unsigned long then = jiffies + ticks;

	return then == SIM_FOREVER ? 0 : then;
}

void sim_sleep(unsigned long ticks)
{
	sim_block(never, NULL, sim_after(ticks), "time to pass");
}

/* Called by everything that may sleep, whether it does this time or not. */
void sim_might_sleep(const char *what)
{
	sim_check(!sim_current->nr_held, "%s may sleep, but %s is held", what,
		  sim_current->held[sim_current->nr_held - 1]);
	sim_check(!sim_current->in_irq, "%s may sleep in an interrupt", what);
	sim_check(!sim_current->no_sleep, "%s may sleep %s (I5)", what, sim_current->no_sleep);
	sim_point();
}
