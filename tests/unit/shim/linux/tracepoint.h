/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracepoints: typed, silent, and places where a test may hold a task up.
 */
#ifndef SHIM_LINUX_TRACEPOINT_H
#define SHIM_LINUX_TRACEPOINT_H

#include "sim.h"

extern void (*sim_trace_hook)(const char *name);

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)		__VA_ARGS__
#define DECLARE_EVENT_CLASS(...)	_Static_assert(1, "class")
#define SIM_TRACE(name, proto) \
	static inline __attribute__((unused)) void trace_##name(proto) \
	{ \
		sim_point(); \
		if (sim_trace_hook) \
			sim_trace_hook(#name); \
	} \
	_Static_assert(1, "event")
#define DEFINE_EVENT(class, name, proto, args)	SIM_TRACE(name, TP_PROTO(proto))
#define TRACE_EVENT(name, proto, ...)		SIM_TRACE(name, TP_PROTO(proto))

#endif
