/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of zones, see zone.h.  Learns from QEMU when a RAM block goes;
 * never touches guest memory.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "zone.h"
#include "plan.h"
#include "trace.h"
#include "virtio_balloon.h"

static void zone_free(BalloonZones *zs, BalloonZone *z)
{
    QTAILQ_REMOVE(&zs->list, z, next);
    trace_ballonet_zone_gone(ledger_count(z->in), ledger_count(z->fresh));
    ledger_free(z->in);
    ledger_free(z->fresh);
    g_free(z);
}

/*
 * Unplugged memory goes by RCU, whose thread takes the BQL to free it; the
 * block is still whole here and is not after.
 */
static void block_removed(RAMBlockNotifier *n, void *host, size_t size, size_t max_size)
{
    BalloonZones *zs = container_of(n, BalloonZones, notifier);
    BalloonZone *z, *tmp;

    QTAILQ_FOREACH_SAFE (z, &zs->list, next, tmp) {
        if (z->host == host) {
            zone_free(zs, z);
        }
    }
}

void balloon_zones_init(BalloonZones *zs)
{
    QTAILQ_INIT(&zs->list);
    zs->notifier = (RAMBlockNotifier){ .ram_block_removed = block_removed };
    ram_block_notifier_add(&zs->notifier);
}

void balloon_zones_fini(BalloonZones *zs)
{
    BalloonZone *z, *tmp;

    ram_block_notifier_remove(&zs->notifier);
    QTAILQ_FOREACH_SAFE (z, &zs->list, next, tmp) {
        zone_free(zs, z);
    }
}

BalloonZone *balloon_zone_of(BalloonZones *zs, RAMBlock *rb)
{
    BalloonZone *z;
    uint64_t pages;

    QTAILQ_FOREACH (z, &zs->list, next) {
        if (z->rb == rb) {
            return z;
        }
    }
    pages = qemu_ram_get_max_length(rb) >> VIRTIO_BALLOON_PFN_SHIFT;
    z = g_new0(BalloonZone, 1);
    z->rb = rb;
    z->host = qemu_ram_get_host_addr(rb);
    z->unit = MAX(MAX(qemu_ram_pagesize(rb), zs->granularity) >> VIRTIO_BALLOON_PFN_SHIFT, 1);
    z->in = ledger_new(pages);
    z->fresh = ledger_new(pages);
    QTAILQ_INSERT_TAIL(&zs->list, z, next);
    trace_ballonet_zone_new(qemu_ram_get_idstr(rb), pages, z->unit);
    return z;
}

void balloon_zones_clear(BalloonZones *zs)
{
    BalloonZone *z;

    QTAILQ_FOREACH (z, &zs->list, next) {
        ledger_clear_all(z->in);
        ledger_clear_all(z->fresh);
        z->refused = false;
    }
}

uint64_t balloon_zones_in(const BalloonZones *zs)
{
    const BalloonZone *z;
    uint64_t sum = 0;

    QTAILQ_FOREACH (z, &zs->list, next) {
        sum += ledger_count(z->in);
    }
    return sum;
}

uint64_t balloon_zones_fresh(const BalloonZones *zs)
{
    const BalloonZone *z;
    uint64_t sum = 0;

    QTAILQ_FOREACH (z, &zs->list, next) {
        sum += ledger_count(z->fresh);
    }
    return sum;
}

uint64_t balloon_zones_withheld(const BalloonZones *zs)
{
    const BalloonZone *z;
    uint64_t sum = 0;

    QTAILQ_FOREACH (z, &zs->list, next) {
        sum += plan_withheld(z->in, z->fresh, z->unit);
    }
    return sum;
}

uint64_t balloon_zones_whole(const BalloonZones *zs, uint64_t block)
{
    uint64_t unit = MAX(block >> VIRTIO_BALLOON_PFN_SHIFT, 1);
    const BalloonZone *z;
    uint64_t sum = 0;

    QTAILQ_FOREACH (z, &zs->list, next) {
        uint64_t at = 0, first, n;

        while (ledger_next_blocks(z->in, unit, at, &first, &n)) {
            sum += n;
            at = first + n;
        }
    }
    return sum;
}
