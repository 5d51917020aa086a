/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host with guests for the policy: each guest has anonymous memory, a hot
 * and a cold part of its file cache, and a balloon that follows at some speed,
 * or not. Sizes are KiB.
 */
#ifndef OVERCOMMIT_SIM_H
#define OVERCOMMIT_SIM_H

#include "policy.h"

#define SIM_GUESTS 8

struct sim_guest {
	PolicyGuest g;
	/* what it would use if it had all the memory it wants */
	uint64_t anon, hot, cold;
	/* what it has of it */
	uint64_t cached, swapped;
	uint64_t touched;	/* the most it has had in use: what the host backs */
	uint64_t speed;		/* KiB a step its balloon moves; 0: it ignores its target */
	uint64_t ordered;	/* the emulator's target */
	bool tags;		/* tells refaults and stalls */
	bool mute;		/* sends no statistics */
	uint64_t swap_in, refault, stall;
	uint64_t id;
	uint64_t told;		/* what it could not do without when it told its figures */
};

struct sim {
	Policy policy;
	PolicyHost host;
	struct sim_guest guest[SIM_GUESTS];
	PolicyGuest *list[SIM_GUESTS];
	unsigned int nr;
	uint64_t others;	/* in use on the host beside the guests */
	int64_t now;
	uint32_t step_ms;
};

void sim_start(struct sim *s, uint64_t total);
struct sim_guest *sim_add(struct sim *s, uint64_t all, uint64_t anon, uint64_t hot, uint64_t cold);
/* The guests live for a step, then the policy has its say and is obeyed. */
void sim_step(struct sim *s);
void sim_run(struct sim *s, unsigned int steps);

#endif
