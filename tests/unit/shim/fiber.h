/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stack of one's own, and the switch from one to another, which ASan is told
 * of.  A zeroed fiber is the thread's own stack.
 */
#ifndef BALLONET_FIBER_H
#define BALLONET_FIBER_H

#include <stdbool.h>
#include <ucontext.h>

struct fiber {
	ucontext_t ctx;
	void *stack;
	void *fake;
	void (*fn)(void);
};

bool fiber_start(struct fiber *f, void (*fn)(void));
void fiber_switch(struct fiber *from, struct fiber *to, bool for_good);
void fiber_end(struct fiber *f);

#endif
