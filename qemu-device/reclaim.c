/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim, see reclaim.h.  What to discard is the plan's word, how it is done
 * ram.c's; here is when and how much at a time.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "balloon.h"
#include "trace.h"

#define RETRY_MS 1000

/*
 * One discard: long enough to be cheap for each page, and cut down while one
 * takes more than half a slice (a host that has to unmap 4 KiB pages needs
 * about 5 ms for 64 MiB, shared memory 13 ms).
 */
#define STEP_MIN (4 * MiB)
#define STEP_START (16 * MiB)
#define STEP_MAX (64 * MiB)

void balloon_reclaim_account(Ballonet *s, const BalloonGiven *got, int64_t ns)
{
    BalloonReclaim *rc = &s->reclaim;

    s->count.failed_discards += got->refused;
    s->count.discards += got->discards;
    s->count.discarded_bytes += got->bytes;
    if (ns > BALLOON_SLICE_NS / 2 && rc->step > STEP_MIN) {
        rc->step /= 2;
    } else if (ns < BALLOON_SLICE_NS / 8 && got->bytes >= rc->step && rc->step < STEP_MAX) {
        rc->step *= 2;
    }
}

/* Keeps what cannot be given back in the ledger, and looks again later. */
static void note_inhibition(Ballonet *s, const char *why)
{
    BalloonReclaim *rc = &s->reclaim;
    uint64_t withheld = balloon_zones_fresh(&s->ram.zones);

    if (!withheld || runstate_check(RUN_STATE_SHUTDOWN)) {
        return;
    }
    trace_ballonet_inhibited(why, withheld);
    if (!rc->inhibited) {
        rc->inhibited = true;
        warn_report("balloon: memory cannot be given back to the host now (%s); "
                    "it will be once that has ended", why);
    }
    timer_mod(rc->retry, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
}

/*
 * Whether a page in the balloon is the device's until it was told that it
 * leaves.  A driver that promised neither may use one first and tell later.
 */
static bool told_first(Ballonet *s)
{
    return balloon_ops_queue(s) ||
           virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_BALLOON_F_MUST_TELL_HOST);
}

bool balloon_reclaim_run(Ballonet *s, int64_t deadline)
{
    BalloonReclaim *rc = &s->reclaim;

    do {
        const char *why = balloon_ram_inhibited();
        int64_t t0 = get_clock();
        BalloonGiven got;

        if (why) {
            note_inhibition(s, why);
            return true;
        }
        if (rc->inhibited) {
            rc->inhibited = false;
            trace_ballonet_uninhibited(balloon_zones_fresh(&s->ram.zones));
        }
        if (!virtio_queue_empty(s->deflateq)) {
            return false;
        }
        if (!balloon_ram_give_back(&s->ram, rc->step, told_first(s), &got)) {
            return true;
        }
        balloon_reclaim_account(s, &got, get_clock() - t0);
    } while (get_clock() < deadline);
    return false;
}

void balloon_reclaim_pause(Ballonet *s)
{
    timer_del(s->reclaim.retry);
}

void balloon_reclaim_reset(Ballonet *s)
{
    balloon_reclaim_pause(s);
    s->reclaim.inhibited = false;
}

void balloon_reclaim_init(Ballonet *s, QEMUTimerCB *retry)
{
    s->reclaim = (BalloonReclaim){ .step = STEP_START };
    s->reclaim.retry = timer_new_ms(QEMU_CLOCK_REALTIME, retry, s);
}

void balloon_reclaim_fini(Ballonet *s)
{
    timer_free(s->reclaim.retry);
}
