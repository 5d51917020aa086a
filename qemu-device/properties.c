/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the device shows a host user: the ledger and the counters, as
 * read-only QOM properties (qom-get on the device's path).
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qapi/visitor.h"
#include "balloon.h"

/*
 * balloon-pages    4 KiB pages in the balloon, by what was sent, not claimed
 * withheld-pages   those of them whose memory waits for the end of an inhibition
 *                  or for the rest of what goes back together (a host page, or
 *                  discard-granularity), or that the host failed to take
 * whole-block-pages  those of them in whole, aligned blocks of block-size
 * resident-pages   those of balloon-pages that the host backed at the last sweep (residency.h)
 * block-size       bytes that the host best gets back together; what ops_block_size says
 * inhibited        whether memory cannot be given back at this moment
 * target-unreached whether the guest stands still off its target (target.h)
 * page-ops-negotiated  whether the guest's driver uses page ops
 * ops-*            operations done by kind, buffers refused by status
 * The counters are described in balloon.h, guest-stats in stats.h.
 */
static const char *const names[] = {
    "balloon-pages",   "withheld-pages",  "inhibited",     "rejected-pfns",
    "repeated-pfns",   "stray-pfns",      "rejected-buffers", "discards",
    "discarded-bytes", "failed-discards", "reported-bytes", "page-ops-negotiated",
    "ops-inflates", "ops-deflates", "ops-swaps", "ops-malformed", "ops-not-ram",
    "ops-wrong-state", "ops-inhibited", "closed-buffers", "target-unreached",
    "whole-block-pages", "block-size", "resident-pages", "dropped-pages",
    "guest-stats", "guest-stats-polling-interval",
};

void balloon_properties_on_proxy(Object *proxy, Object *balloon)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        object_property_add_alias(proxy, names[i], balloon, names[i]);
    }
}

static void get_inflated(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    uint64_t pages = balloon_ram_inflated(&BALLONET(obj)->ram);

    visit_type_uint64(v, name, &pages, errp);
}

static void get_withheld(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    uint64_t pages = balloon_ram_withheld(&BALLONET(obj)->ram);

    visit_type_uint64(v, name, &pages, errp);
}

static void get_whole(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    uint64_t pages = balloon_ram_in_whole_blocks(&BALLONET(obj)->ram);

    visit_type_uint64(v, name, &pages, errp);
}

static bool get_inhibited(Object *obj, Error **errp)
{
    return balloon_reclaim_inhibited() != NULL;
}

static bool get_negotiated(Object *obj, Error **errp)
{
    return balloon_has_page_ops(BALLONET(obj));
}

static bool get_unreached(Object *obj, Error **errp)
{
    return BALLONET(obj)->target.unreached;
}

void balloon_properties_init(Ballonet *s)
{
    Object *obj = OBJECT(s);
    const struct {
        const char *name;
        const uint64_t *value;
    } counter[] = {
        { "rejected-pfns", &s->count.rejected_pfns },
        { "repeated-pfns", &s->count.repeated_pfns },
        { "stray-pfns", &s->count.stray_pfns },
        { "rejected-buffers", &s->count.rejected_buffers },
        { "discards", &s->count.discards },
        { "discarded-bytes", &s->count.discarded_bytes },
        { "failed-discards", &s->count.failed_discards },
        { "reported-bytes", &s->count.reported_bytes },
        { "ops-inflates", &s->count.ops_done[VIRTIO_BALLOON_OP_INFLATE] },
        { "ops-deflates", &s->count.ops_done[VIRTIO_BALLOON_OP_DEFLATE] },
        { "ops-swaps", &s->count.ops_done[VIRTIO_BALLOON_OP_SWAP] },
        { "ops-malformed", &s->count.ops_refused[VIRTIO_BALLOON_OPS_MALFORMED] },
        { "ops-not-ram", &s->count.ops_refused[VIRTIO_BALLOON_OPS_NOT_RAM] },
        { "ops-wrong-state", &s->count.ops_refused[VIRTIO_BALLOON_OPS_WRONG_STATE] },
        { "ops-inhibited", &s->count.ops_refused[VIRTIO_BALLOON_OPS_INHIBITED] },
        { "closed-buffers", &s->count.closed_buffers },
        { "dropped-pages", &s->count.dropped_pages },
        { "resident-pages", &s->residency.resident },
    };

    object_property_add(obj, "balloon-pages", "uint64", get_inflated, NULL, NULL, NULL);
    object_property_add(obj, "withheld-pages", "uint64", get_withheld, NULL, NULL, NULL);
    object_property_add(obj, "whole-block-pages", "uint64", get_whole, NULL, NULL, NULL);
    object_property_add_uint32_ptr(obj, "block-size", &s->block_size, OBJ_PROP_FLAG_READ);
    object_property_add_bool(obj, "inhibited", get_inhibited, NULL);
    object_property_add_bool(obj, "page-ops-negotiated", get_negotiated, NULL);
    object_property_add_bool(obj, "target-unreached", get_unreached, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(counter); i++) {
        object_property_add_uint64_ptr(obj, counter[i].name, counter[i].value, OBJ_PROP_FLAG_READ);
    }
}
