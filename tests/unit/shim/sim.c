// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks, turns and time of the machine in sim.h.  One thread; each task has a
 * stack of its own, task 0 is the test itself.  Knows nothing of locks, pages
 * or hosts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>
#include <sanitizer/common_interface_defs.h>

#include <linux/jiffies.h>
#include "sim.h"

#define SIM_TASKS	64
#define SIM_STACK	(256 * 1024)
/* A schedule that takes more turns than this is taken to go round in circles. */
#define SIM_TURNS	50000000ULL

struct task {
	struct sim_task t;
	ucontext_t ctx;
	void *stack;
	void *fake;
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
static struct task *cur, *left_behind;
static const void *main_bottom;
static size_t main_size;
static unsigned int switch_odds;
static uint64_t first_seed, turns;
static char failure[512];

static void tell_seed(void)
{
	fprintf(stderr, "unit: run it again with SEED=%#llx\n", (unsigned long long)first_seed);
}

void sim_start(uint64_t seed, unsigned int odds)
{
	memset(tasks, 0, sizeof(tasks));
	cur = &tasks[0];
	cur->used = true;
	cur->t.name = "test";
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
	for (int i = 1; i < SIM_TASKS; i++)
		free(tasks[i].stack);
	memset(tasks, 0, sizeof(tasks));
}

void sim_odds(unsigned int odds)
{
	switch_odds = odds;
}

static void resumed(void)
{
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(cur->fake, &bottom, &size);
	if (left_behind == &tasks[0]) {
		main_bottom = bottom;
		main_size = size;
	}
	if (cur == &tasks[0] && failure[0]) {
		print_error("%s\n", failure);
		_fail(__FILE__, __LINE__);
	}
}

static void switch_to(struct task *next)
{
	struct task *prev = cur;
	volatile bool back = false;

	if (next == prev)
		return;
	left_behind = prev;
	cur = next;
	sim_current = &next->t;
	__sanitizer_start_switch_fiber(prev->done ? NULL : &prev->fake,
				       next->stack ? next->stack : main_bottom,
				       next->stack ? SIM_STACK : main_size);
	/* Not swapcontext(): ASan would warn of it, whatever it was told above. */
	getcontext(&prev->ctx);
	if (!back) {
		back = true;
		setcontext(&next->ctx);
	}
	resumed();
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
	print_error("%s\n", failure);
	_fail(__FILE__, __LINE__);
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
	int from = switch_odds ? (int)sim_rand(SIM_TASKS) : (int)(cur - tasks) + 1;

	for (int i = 0; i < SIM_TASKS; i++) {
		struct task *t = &tasks[(from + i) % SIM_TASKS];

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

	for (int i = 0; i < SIM_TASKS; i++)
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
	if (switch_odds && !sim_rand(switch_odds))
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
	resumed();
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
	free(t->stack);
	memset(t, 0, sizeof(*t));
	t->stack = malloc(SIM_STACK);
	sim_check(t->stack, "no memory for a stack");
	t->t.name = name;
	t->fn = fn;
	t->arg = arg;
	t->daemon = daemon;
	getcontext(&t->ctx);
	t->ctx.uc_stack.ss_sp = t->stack;
	t->ctx.uc_stack.ss_size = SIM_STACK;
	makecontext(&t->ctx, run_task, 0);
	t->used = true;
}

void sim_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
	spawn(name, fn, arg, false);
}

/* Daemons may go on for ever: sim_join() does not wait for them. */
void sim_spawn_daemon(const char *name, void (*fn)(void *arg), void *arg)
{
	spawn(name, fn, arg, true);
}

static bool all_done(void *arg)
{
	(void)arg;
	for (int i = 1; i < SIM_TASKS; i++)
		if (tasks[i].used && !tasks[i].done && !tasks[i].daemon)
			return false;
	return true;
}

void sim_join(void)
{
	sim_block(all_done, NULL, SIM_FOREVER, "the other tasks to end");
}
