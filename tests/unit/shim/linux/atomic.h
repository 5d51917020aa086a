/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Atomic counters: the machine has one thread, turns change around them only.
 */
#ifndef SHIM_LINUX_ATOMIC_H
#define SHIM_LINUX_ATOMIC_H

#include <linux/types.h>

typedef struct {
	int counter;
} atomic_t;

#define atomic_read(a)		({ sim_point(); (a)->counter; })
#define atomic_set(a, v)	({ (a)->counter = (v); sim_point(); })
#define atomic_inc(a)		({ (a)->counter++; sim_point(); })
#define atomic_dec(a)		({ (a)->counter--; sim_point(); })
#define atomic_inc_return(a)	({ int v__ = ++(a)->counter; sim_point(); v__; })
#define atomic_dec_and_test(a)	({ int v__ = --(a)->counter; sim_point(); !v__; })
#define atomic_xchg(a, v)	({ int v__ = (a)->counter; (a)->counter = (v); sim_point(); v__; })

#endif
