/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration without the balloon, see migration_skip.h.
 *
 * Why the ledger may be believed at any moment in which we have the BQL:
 * - An operation changes it with the BQL held, and is answered afterwards.  So
 *   the driver, which uses no page before it was answered that the page left
 *   (page-ops.md 4.1.7), writes to none that we find here, on whichever vCPU.
 * - What it wrote before the page entered is lost, as it is by a discard.  That
 *   the discard is still pending, failed or is withheld makes no difference.
 * - What it writes after the page left is in the dirty log, which we do not
 *   clear any more: the next sync finds it, and the last one comes when the VM
 *   has stopped.  XBZRLE goes on from what was sent last, at both ends.
 * - Taking a page out clears KVM's log of the gibibyte around it, too, but only
 *   of what the last sync has seen, and that is in the bitmap.
 *
 * A page that a reset takes out of the balloon is not sent again: a guest that
 * boots expects nothing of its memory.
 */
#include "qemu/osdep.h"
#include "exec/target_page.h"
#include "hw/virtio/virtio-access.h"
#include "migration/misc.h"
#include "qemu/bitops.h"
#include "qemu/units.h"
#include "balloon.h"
#include "trace.h"

/*
 * The BQL is held as long again as the sync before has held it, or HOLD_NS.
 * Extents of whole blocks of 2 MiB are not bound by that: 1 TiB has 2^19 of them
 * at most, each takes some 100 ns, and what lies between is passed over block by
 * block.  What time was too short for is sent.
 */
#define HOLD_NS (2 * SCALE_MS)
#define WHOLE_PAGES (2 * MiB / VIRTIO_BALLOON_PFN_SIZE)

typedef struct Tally {
    uint64_t pages, ranges;
} Tally;

/*
 * Not for MUST_TELL_HOST, which promises as much: nothing orders its two queues,
 * so the ledger may have a page that is out again, and the ledger stays behind.
 *
 * A destination that takes a driver with page ops takes the ledger too, whatever
 * version it is: it has these pages as ballooned, and to be discarded.
 *
 * With postcopy the guest may run at the destination before this ends.  Who
 * touches a page there that left the balloon asks the source for it, which takes
 * it for sent: the answer is the end of the migration.
 */
static bool may_skip(Ballonet *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    return balloon_has_page_ops(s) && !virtio_device_disabled(vdev) &&
           virtio_device_started(vdev, vdev->status) && !migrate_postcopy_ram();
}

static void skip(BalloonBlock *b, uint64_t first, uint64_t n, Tally *t)
{
    unsigned bits = qemu_target_page_bits();
    uint64_t page = MAX(qemu_target_page_size(), VIRTIO_BALLOON_PFN_SIZE);
    /* Whole pages of the target alone: the rest of one that is ballooned in part is in use. */
    uint64_t start = ROUND_UP(balloon_bytes(first), page);
    uint64_t stop = MIN(balloon_bytes(first + n), qemu_ram_get_used_length(b->rb));
    unsigned long at, end = QEMU_ALIGN_DOWN(stop, page) >> bits;

    /* Each call may clear the kernel's log: none where nothing would be sent anyway. */
    at = find_next_bit(b->rb->bmap, end, start >> bits);
    if (at < end) {
        uint64_t bytes = (uint64_t)(end - at) << bits;

        qemu_guest_free_page_hint((uint8_t *)b->host + ((uint64_t)at << bits), bytes);
        t->pages += balloon_pages(bytes);
        t->ranges++;
    }
}

/* Return: whether the deadline (get_clock()) has passed. */
static bool skip_block(BalloonBlock *b, bool late, int64_t deadline, Tally *t)
{
    uint64_t at = 0, end = ledger_pages(b->inflated), first, n;

    while (late ? ledger_next_whole(b->inflated, at, end, WHOLE_PAGES, &first, &n)
                : ledger_next_extent(b->inflated, at, end, &first, &n)) {
        skip(b, first, n, t);
        at = first + n;
        late = late || get_clock() >= deadline;
    }
    return late;
}

static void skip_ballooned(Ballonet *s)
{
    int64_t began = get_clock();
    int64_t deadline = began + MAX(began - s->skip.sync_began, HOLD_NS);
    Tally t = { 0 };
    bool late = false;
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &s->ram.blocks, next) {
        /* Memory that the destination shares (x-ignore-shared) has no bitmap. */
        if (b->rb->bmap) {
            late = skip_block(b, late, deadline, &t);
        }
    }
    trace_ballonet_migration_skipped(t.pages, t.ranges, late, get_clock() - began);
}

BALLONET_PRECOPY_NOTIFY(on_precopy)
{
    Ballonet *s = container_of(n, Ballonet, skip.precopy);

    switch (((PrecopyNotifyData *)data)->reason) {
    case PRECOPY_NOTIFY_BEFORE_BITMAP_SYNC:
        s->skip.sync_began = get_clock();
        break;
    case PRECOPY_NOTIFY_AFTER_BITMAP_SYNC:
        /*
         * A sync holds the BQL, in the migration's thread or (a timer of 10.0) in the
         * main loop; only those of COLO's checkpoints do not.
         */
        s->ram.sends_what_leaves = ballonet_bql_held() && may_skip(s);
        if (s->ram.sends_what_leaves) {
            skip_ballooned(s);
        }
        break;
    case PRECOPY_NOTIFY_CLEANUP:
        /* Also where the migration failed or was cancelled: the next one starts with all pages. */
        s->ram.sends_what_leaves = false;
        break;
    default:
        break;
    }
    return 0;
}

void balloon_migration_skip_init(Ballonet *s)
{
    if (s->skip.enabled) {
        s->skip.precopy.notify = on_precopy;
        precopy_add_notifier(&s->skip.precopy);
    }
}

void balloon_migration_skip_fini(Ballonet *s)
{
    if (s->skip.enabled) {
        precopy_remove_notifier(&s->skip.precopy);
    }
}
