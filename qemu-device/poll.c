/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the rings by timer, see poll.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "poll.h"

/*
 * The time between two looks: half of the time that nothing was found for, so
 * that a buffer waits little compared with what its driver takes to make one,
 * and a look, which wakes the main loop, is not made for nothing too often.
 */
#define PERIOD_MIN_NS (SCALE_MS / 2)
#define PERIOD_MAX_NS (4 * SCALE_MS)

/*
 * How long to look on in vain: longer than a guest takes for the next request
 * (some 25 ms for 20 MiB that it zeroes with an emulated processor, and more
 * on a busy host).
 */
#define QUIET_NS (100 * SCALE_MS)

void balloon_poll_init(BalloonPoll *p, QEMUTimerCB *look, void *opaque)
{
    /* Real time: the work is the host's, and a test steps the virtual clock. */
    *p = (BalloonPoll){ .timer = timer_new_ns(QEMU_CLOCK_REALTIME, look, opaque) };
}

void balloon_poll_fini(BalloonPoll *p)
{
    timer_free(p->timer);
}

void balloon_poll_found(BalloonPoll *p)
{
    p->found = get_clock();
}

bool balloon_poll_go_on(BalloonPoll *p)
{
    int64_t quiet = get_clock() - p->found;

    if (!p->found || quiet > QUIET_NS) {
        return false;
    }
    timer_mod(p->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                            MIN(MAX(quiet / 2, PERIOD_MIN_NS), PERIOD_MAX_NS));
    return true;
}

void balloon_poll_stop(BalloonPoll *p)
{
    timer_del(p->timer);
    p->found = 0;
}
