// SPDX-License-Identifier: GPL-2.0-or-later
/* See overcommit_sim.h. */
#include <string.h>

#include "overcommit_sim.h"

#define KERNEL (40 * POLICY_MIB)

void sim_start(struct sim *s, uint64_t total)
{
	memset(s, 0, sizeof(*s));
	s->policy.config = (PolicyConfig){ .tight_percent = 15, .critical_percent = 5 };
	s->host.total = total;
	s->now = 1000000;
	s->step_ms = 1000;
}

struct sim_guest *sim_add(struct sim *s, uint64_t all, uint64_t anon, uint64_t hot, uint64_t cold)
{
	struct sim_guest *v = &s->guest[s->nr];

	s->list[s->nr++] = &v->g;
	v->g.limits = (PolicyLimits){ .managed = true, .weight = 100 };
	v->g.autodeflate = true;
	v->g.all = v->g.size = v->ordered = all;
	v->anon = anon;
	v->hot = hot;
	v->cold = cold;
	v->cached = hot + cold;
	v->speed = 4096 * POLICY_MIB;
	v->tags = true;
	return v;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void live(struct sim_guest *v, uint32_t ms)
{
	uint64_t room, before = v->cached, base;

	/* The balloon takes what is free or cache, and gives what it is told to. */
	base = v->anon + KERNEL - v->swapped;
	if (v->g.size > v->ordered) {
		uint64_t most = lesser(v->speed, v->g.size - v->ordered);

		most = lesser(most, v->g.size + v->g.limits.swap - v->swapped > base ?
					    v->g.size + v->g.limits.swap - v->swapped - base : 0);
		v->g.size -= most;
	} else {
		v->g.size += lesser(v->speed, v->ordered - v->g.size);
	}
	/* What does not fit is swapped, and comes back when it fits. */
	if (base > v->g.size) {
		v->swapped += base - v->g.size;
		v->stall += ms * 500;
	} else if (v->swapped) {
		uint64_t back = lesser(v->swapped, v->g.size - base);

		v->swapped -= back;
		v->swap_in += back;
		v->stall += ms * 200;
	}
	base = v->anon + KERNEL - v->swapped;
	room = v->g.size > base ? v->g.size - base : 0;
	/* Cold cache goes first; hot cache that is missing is read again. */
	v->cached = lesser(room, before > v->hot + v->cold ? v->hot + v->cold : before);
	if (v->cached < v->hot) {
		uint64_t missing = v->hot - v->cached, back = lesser(missing, room - v->cached);

		v->refault += v->g.size < v->g.all && missing > v->hot / 200 ?
				      missing / 20 + back : 0;
		v->stall += missing > v->hot / 50 ? ms * 20 : 0;
		v->cached += back;
	}
	if (base + v->cached > v->touched || v->g.size < v->touched)
		v->touched = lesser(v->g.size, base + v->cached > v->touched ?
						       base + v->cached : v->touched);
}

static void tell(struct sim_guest *v, int64_t now)
{
	uint64_t base = v->anon + KERNEL - v->swapped;

	v->told = base;
	v->g.sample = (PolicySample){
		.id = ++v->id,
		.time = now,
		.size = v->g.size,
		.usable = v->g.size > base ? v->g.size - base : 0,
		.swap_in = v->swap_in,
		.refault = v->tags ? v->refault : v->refault / 4,
		.has_refault = v->tags,
		.stall = v->stall,
		.has_stall = v->tags,
	};
	v->g.sample.free = v->g.sample.usable - v->cached;
}

void sim_step(struct sim *s)
{
	uint64_t used = s->others;

	s->now += s->step_ms;
	for (unsigned int i = 0; i < s->nr; i++) {
		live(&s->guest[i], s->step_ms);
		used += s->guest[i].touched;
		if (!s->guest[i].mute)
			tell(&s->guest[i], s->now - 1);
	}
	s->host.available = s->host.total > used ? s->host.total - used : 0;
	s->host.pressure = s->host.available ? 0 : 300000;
	policy_step(&s->policy, &s->host, s->list, s->nr, s->now);
	for (unsigned int i = 0; i < s->nr; i++) {
		if (s->guest[i].g.order && s->guest[i].speed)
			s->guest[i].ordered = s->guest[i].g.order;
	}
}

void sim_run(struct sim *s, unsigned int steps)
{
	while (steps--)
		sim_step(s);
}
