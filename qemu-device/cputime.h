/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor time of a thread: what a step costs, whatever else the host has to
 * run meanwhile.
 *
 * Include after "qemu/osdep.h".  Any thread.
 */
#ifndef BALLONET_CPUTIME_H
#define BALLONET_CPUTIME_H

#include "qemu/timer.h"

/* Nanoseconds that the calling thread has run. */
static inline int64_t balloon_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NANOSECONDS_PER_SECOND + t.tv_nsec;
}

#endif
