/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the rings by timer, see poll.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "poll.h"

/* The longest a buffer waits for a look; one costs about a microsecond. */
#define PERIOD_NS SCALE_MS

/*
 * How long to look on in vain: longer than a guest takes for the next request
 * (about 15 ms for 12 MiB that it zeroes in an emulated processor).
 */
#define QUIET_NS (20 * SCALE_MS)

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
    p->until = get_clock() + QUIET_NS;
}

bool balloon_poll_go_on(BalloonPoll *p)
{
    if (get_clock() >= p->until) {
        return false;
    }
    timer_mod(p->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + PERIOD_NS);
    return true;
}

void balloon_poll_stop(BalloonPoll *p)
{
    timer_del(p->timer);
    p->until = 0;
}
