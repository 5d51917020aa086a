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
 * withheld-pages   those of them whose memory waits for the end of an inhibition,
 *                  or that the host failed to take
 * inhibited        whether memory cannot be given back at this moment
 * The counters are described in balloon.h.
 */
const char *const balloon_show_names[] = {
    "balloon-pages",   "withheld-pages",  "inhibited",     "rejected-pfns",
    "repeated-pfns",   "stray-pfns",      "rejected-buffers", "discards",
    "discarded-bytes", "failed-discards", "reported-bytes", NULL,
};

static void get_in(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    uint64_t pages = balloon_zones_in(&BALLONET(obj)->ram.zones);

    visit_type_uint64(v, name, &pages, errp);
}

static void get_withheld(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    uint64_t pages = balloon_zones_fresh(&BALLONET(obj)->ram.zones);

    visit_type_uint64(v, name, &pages, errp);
}

static bool get_inhibited(Object *obj, Error **errp)
{
    return balloon_ram_inhibited() != NULL;
}

void balloon_show_init(Ballonet *s)
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
    };

    object_property_add(obj, "balloon-pages", "uint64", get_in, NULL, NULL, NULL);
    object_property_add(obj, "withheld-pages", "uint64", get_withheld, NULL, NULL, NULL);
    object_property_add_bool(obj, "inhibited", get_inhibited, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(counter); i++) {
        object_property_add_uint64_ptr(obj, counter[i].name, counter[i].value, OBJ_PROP_FLAG_READ);
    }
}
