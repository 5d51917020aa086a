/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the device holds the main lock: each way in to it is one hold, and
 * is told by the trace event ballonet_hold.
 *
 * In processor time of the thread, so that what else the host has to run
 * meanwhile does not count.  That clock is a system call, so it is read only
 * where somebody traces.
 *
 * Include after "qemu/osdep.h".  Context of everything here: BQL held.
 */
#ifndef BALLONET_HOLD_H
#define BALLONET_HOLD_H

#include "qemu/timer.h"
#include "trace.h"

typedef struct BalloonHold {
    int64_t cpu; /* balloon_cpu_ns() */
    int64_t ns;  /* get_clock(); 0: nobody traces */
} BalloonHold;

/* Nanoseconds that the calling thread has run. */
static inline int64_t balloon_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NANOSECONDS_PER_SECOND + t.tv_nsec;
}

static inline BalloonHold balloon_hold_begin(void)
{
    if (!trace_event_get_state_backends(TRACE_BALLONET_HOLD)) {
        return (BalloonHold){ 0 };
    }
    return (BalloonHold){ .cpu = balloon_cpu_ns(), .ns = get_clock() };
}

static inline void balloon_hold_end(BalloonHold begin, const char *why)
{
    if (begin.ns) {
        trace_ballonet_hold(why, balloon_cpu_ns() - begin.cpu, get_clock() - begin.ns);
    }
}

#endif
