// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks, turns and time of the machine in sim.h.  One thread; each task is a
 * fiber, task 0 is the test itself.  Knows nothing of locks, pages or hosts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sanitizer/common_interface_defs.h>

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include "fiber.h"
#include "sim.h"

#define SIM_TASKS	64
/* A schedule that takes more turns than this is taken to go round in circles. */
#define SIM_TURNS	50000000ULL

struct task {
	struct sim_task t;
	struct fiber fiber;
	void (*fn)(void *arg);
	void *arg;
	bool used, done, daemon;
	bool (*ready)(void *arg);
	void *ready_arg;
	unsigned long deadline;
	const char *why;
};

unsigned long jiffies;
struct sim_task *sim_current;

static struct task tasks[SIM_TASKS];
static struct task *cur;
static int nr_tasks;
static unsigned int switch_odds;
static uint64_t first_seed, turns;
static char failure[512];

bool (*sim_delay)(void);
void (*sim_on_fail)(void);

static void tell_seed(void)
{
	if (sim_on_fail)
		sim_on_fail();
	else
		fprintf(stderr, "unit: run it again with SEED=%#llx\n",
			(unsigned long long)first_seed);
}

void sim_start(uint64_t seed, unsigned int odds)
{
	memset(tasks, 0, sizeof(tasks));
	cur = &tasks[0];
	cur->used = true;
	cur->t.name = "test";
	nr_tasks = 1;
	sim_delay = NULL;
	sim_on_fail = NULL;
	sim_current = &cur->t;
	/* Near the wrap, as a kernel's own clock starts. */
	jiffies = -1000UL;
	switch_odds = odds;
	first_seed = seed;
	sim_rand_start(seed);
	turns = 0;
	failure[0] = '\0';
	sim_lockdep_reset();
	__sanitizer_set_death_callback(tell_seed);
}

/* Tasks that wait for work are left where they are: they own nothing. */
void sim_end(void)
{
	sim_check(cur == &tasks[0], "the machine is ended by a task of its own");
	for (int i = 1; i < nr_tasks; i++)
		fiber_end(&tasks[i].fiber);
	memset(tasks, 0, sizeof(tasks));
}

void sim_odds(unsigned int odds)
{
	switch_odds = odds;
}

static void fail_test(void)
{
	print_error("%s\n", failure);
	_fail(__FILE__, __LINE__);
}

static void switch_to(struct task *next)
{
	struct task *prev = cur;

	if (next == prev)
		return;
	cur = next;
	sim_current = &next->t;
	fiber_switch(&prev->fiber, &next->fiber, prev->done);
	if (cur == &tasks[0] && failure[0])
		fail_test();
}

void sim_fail(const char *fmt, ...)
{
	int n = snprintf(failure, sizeof(failure), "%s: ", cur->t.name);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(failure + n, sizeof(failure) - n, fmt, ap);
	va_end(ap);
	tell_seed();
	if (cur != &tasks[0])
		switch_to(&tasks[0]);
	fail_test();
	abort();
}

static bool runnable(struct task *t)
{
	if (!t->used || t->done)
		return false;
	return !t->ready || t->ready(t->ready_arg) ||
	       (t->deadline != SIM_FOREVER && time_after_eq(jiffies, t->deadline));
}

/* The next task that can run, from a random place or the one after us. */
static struct task *pick(bool me_too)
{
	int from = switch_odds ? (int)sim_rand(SIM_TASKS) % nr_tasks : (int)(cur - tasks) + 1;

	for (int i = 0; i < nr_tasks; i++) {
		struct task *t = &tasks[(from + i) % nr_tasks];

		if ((me_too || t != cur) && runnable(t))
			return t;
	}
	return NULL;
}

static void set_time(unsigned long now)
{
	jiffies = now;
	sim_work_tick();
}

/* Nobody can run: on to the next moment that changes that. */
static void skip_time(void)
{
	unsigned long left = SIM_FOREVER, next = sim_work_next();

	for (int i = 0; i < nr_tasks; i++)
		if (tasks[i].used && !tasks[i].done && tasks[i].ready &&
		    tasks[i].deadline != SIM_FOREVER && tasks[i].deadline - jiffies < left)
			left = tasks[i].deadline - jiffies;
	if (next < left)
		left = next;
	if (left == SIM_FOREVER) {
		for (int i = 0; i < SIM_TASKS; i++)
			if (tasks[i].used && !tasks[i].done)
				print_error("  %s waits for %s\n", tasks[i].t.name,
					    tasks[i].why ? tasks[i].why : "its turn");
		sim_fail("all tasks wait for ever");
	}
	set_time(jiffies + left);
}

static void give_way(void)
{
	struct task *next;

	if (++turns > SIM_TURNS)
		sim_fail("no end after %llu turns", (unsigned long long)turns);
	if (switch_odds && !sim_rand(256))
		set_time(jiffies + 1);
	while (!(next = pick(true)))
		skip_time();
	switch_to(next);
}

void sim_yield(void)
{
	give_way();
}

void sim_point(void)
{
	if (sim_delay ? pick(false) && sim_delay() : switch_odds && !sim_rand(switch_odds))
		give_way();
}

/**
 * sim_block() - wait without using a turn
 * @ready: what for; no side effects
 * @arg: for @ready
 * @deadline: in jiffies; SIM_FOREVER for none
 * @why: for the message about a deadlock
 *
 * Return: whether @ready came true.
 */
bool sim_block(bool (*ready)(void *arg), void *arg, unsigned long deadline, const char *why)
{
	struct task *me = cur;

	me->ready = ready;
	me->ready_arg = arg;
	me->deadline = deadline;
	me->why = why;
	if (switch_odds || !runnable(me))
		give_way();
	me->ready = NULL;
	me->why = NULL;
	return ready(arg);
}

/* Lets all others run as far as they get without time passing. */
void sim_settle(void)
{
	struct task *next;

	while ((next = pick(false)))
		switch_to(next);
}

/* Time passes under the others' hands: what waits for it may run, no more. */
void sim_tick(unsigned long ticks)
{
	while (ticks--)
		set_time(jiffies + 1);
}

void sim_advance(unsigned long ticks)
{
	sim_settle();
	while (ticks--) {
		set_time(jiffies + 1);
		sim_settle();
	}
}

static void run_task(void)
{
	cur->fn(cur->arg);
	sim_check(!cur->t.nr_held, "ends with %s held", cur->t.held[0]);
	cur->done = true;
	give_way();
	abort();
}

static void spawn(const char *name, void (*fn)(void *arg), void *arg, bool daemon)
{
	struct task *t = NULL;

	for (int i = 1; i < SIM_TASKS && !t; i++)
		if (!tasks[i].used || (tasks[i].done && &tasks[i] != cur))
			t = &tasks[i];
	sim_check(t, "more than %d tasks", SIM_TASKS);
	fiber_end(&t->fiber);
	memset(t, 0, sizeof(*t));
	sim_check(fiber_start(&t->fiber, run_task), "no memory for a stack");
	nr_tasks = max(nr_tasks, (int)(t - tasks) + 1);
	t->t.name = name;
	t->fn = fn;
	t->arg = arg;
	t->daemon = daemon;
	t->used = true;
}

void sim_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
	spawn(name, fn, arg, false);
}

void sim_spawn_daemon(const char *name, void (*fn)(void *arg), void *arg)
{
	spawn(name, fn, arg, true);
}

static bool all_done(void *arg)
{
	(void)arg;
	for (int i = 1; i < nr_tasks; i++)
		if (tasks[i].used && !tasks[i].done && !tasks[i].daemon)
			return false;
	return true;
}

void sim_join(void)
{
	sim_block(all_done, NULL, SIM_FOREVER, "the other tasks to end");
}
