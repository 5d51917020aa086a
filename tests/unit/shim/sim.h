/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A little machine for kernel code in user space: tasks that take turns on one
 * thread, a clock that moves only when the machine lets it, locks, sleeping
 * and work items.  Everything is decided by one seed, so a failure can be run
 * again.
 *
 * A task may lose its turn wherever kernel code would let another CPU in: at
 * each lock, page lock, reference count, READ_ONCE() and wake-up (sim_point()).
 * With odds 0 it keeps its turn until it sleeps: for scenarios told step by step.
 */
#ifndef BALLONET_SIM_H
#define BALLONET_SIM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_LOCKS	8
#define SIM_FOREVER	(~0UL)

/**
 * struct sim_task - what a CPU or a thread is in the kernel
 * @name: for messages
 * @held: names of the spinlocks it holds, outermost first
 * @nr_held: how many
 * @in_irq: plays an interrupt: must not take plain spinlocks nor sleep
 * @no_sleep: why it must not sleep, or NULL
 */
struct sim_task {
	const char *name;
	const char *held[SIM_LOCKS];
	int nr_held;
	bool in_irq;
	const char *no_sleep;
};

extern struct sim_task *sim_current;
/* Instead of odds: asked at each point where another task could run. */
extern bool (*sim_delay)(void);
/* Instead of the seed: says how a failure came about. */
extern void (*sim_on_fail)(void);

void sim_start(uint64_t seed, unsigned int odds);
void sim_end(void);
void sim_odds(unsigned int odds);

void sim_spawn(const char *name, void (*fn)(void *arg), void *arg);
/* Daemons may go on for ever: sim_join() does not wait for them. */
void sim_spawn_daemon(const char *name, void (*fn)(void *arg), void *arg);
void sim_join(void);

/* A moment so many ticks from now, which is never SIM_FOREVER. */
unsigned long sim_after(unsigned long ticks);

void sim_point(void);
void sim_yield(void);
void sim_sleep(unsigned long ticks);
bool sim_block(bool (*ready)(void *arg), void *arg, unsigned long deadline, const char *why);
void sim_settle(void);
void sim_tick(unsigned long ticks);
void sim_advance(unsigned long ticks);
void sim_might_sleep(const char *what);

void sim_rand_start(uint64_t seed);
uint64_t sim_rand(uint64_t below);
uint64_t sim_seed(uint64_t fallback);
unsigned int sim_runs(unsigned int fallback);

void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define sim_check(cond, ...) \
	do { if (!(cond)) sim_fail(__VA_ARGS__); } while (0)

/* work.c: what the clock must not jump over, and what it sets off. */
void sim_work_start(unsigned int workers);
unsigned long sim_work_next(void);
void sim_work_tick(void);
bool sim_work_idle(void);

/* lock.c */
void sim_lockdep_reset(void);

#endif
