// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fibers of fiber.h.  Stacks that are done with are kept for the next: an
 * explorer starts millions of tasks.
 */
#include <stddef.h>
#include <stdlib.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include "fiber.h"

#define STACK_SIZE	(256 * 1024)

struct spare {
	struct spare *next;
};

static struct spare *spares;
static struct fiber *left, *entered;
static const void *main_bottom;
static size_t main_size;

static void arrived(struct fiber *f)
{
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(f->fake, &bottom, &size);
	if (!left->stack) {
		main_bottom = bottom;
		main_size = size;
	}
}

static void begin(void)
{
	struct fiber *me = entered;

	arrived(me);
	me->fn();
	abort();
}

/**
 * fiber_start() - give a fiber a stack
 * @f: is not running
 * @fn: called at the first switch to it; must not return
 *
 * Return: whether there was memory.
 */
bool fiber_start(struct fiber *f, void (*fn)(void))
{
	struct spare *s = spares;

	if (s)
		spares = s->next;
	else
		s = malloc(STACK_SIZE);
	*f = (struct fiber){ .stack = s, .fn = fn };
	if (!s)
		return false;
	getcontext(&f->ctx);
	f->ctx.uc_stack.ss_sp = f->stack;
	f->ctx.uc_stack.ss_size = STACK_SIZE;
	makecontext(&f->ctx, begin, 0);
	return true;
}

/**
 * fiber_switch() - leave one fiber for another
 * @from: runs
 * @to: was started
 * @for_good: @from is done and will not be switched to again
 */
void fiber_switch(struct fiber *from, struct fiber *to, bool for_good)
{
	volatile bool back = false;

	left = from;
	entered = to;
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake,
				       to->stack ? to->stack : main_bottom,
				       to->stack ? STACK_SIZE : main_size);
	/* Not swapcontext(): ASan would warn of it, whatever it was told above. */
	getcontext(&from->ctx);
	if (!back) {
		back = true;
		setcontext(&to->ctx);
	}
	arrived(from);
}

/**
 * fiber_end() - take a fiber's stack back, wherever it is in it
 * @f: is not running
 */
void fiber_end(struct fiber *f)
{
	struct spare *s = f->stack;

	if (!s)
		return;
	/* What its frames forbade is nobody's now. */
	ASAN_UNPOISON_MEMORY_REGION(s, STACK_SIZE);
	s->next = spares;
	spares = s;
	f->stack = NULL;
}
