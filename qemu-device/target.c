/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets that are not reached, see target.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "balloon.h"
#include "trace.h"

/* Longer than a guest under pressure takes between two steps. */
#define STANDSTILL_MS 10000

/* Pages are in the balloon as a whole, those of 64 KiB too: drivers round a target up. */
#define LARGEST_GUEST_PAGE 16

static bool is_reached(const Ballonet *s)
{
    return s->actual >= s->num_pages && s->actual - s->num_pages < LARGEST_GUEST_PAGE;
}

static void stands_still(void *opaque)
{
    Ballonet *s = opaque;

    s->target.unreached = true;
    trace_ballonet_target_unreached(s->num_pages, s->actual);
}

void balloon_target_watch(Ballonet *s)
{
    BalloonTarget *t = &s->target;

    if (t->unreached) {
        trace_ballonet_target_again(s->num_pages, s->actual);
    }
    t->unreached = false;
    if (is_reached(s)) {
        timer_del(t->timer);
    } else {
        timer_mod(t->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + STANDSTILL_MS);
    }
}

void balloon_target_init(Ballonet *s)
{
    s->target.timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, stands_still, s);
}

void balloon_target_fini(Ballonet *s)
{
    timer_free(s->target.timer);
}
