/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger in the migration stream, where page ops are negotiated: which
 * pages of which RAM block are in the balloon, as runs, and how much of the
 * buffer that comes next is done already.  Which pages are discarded is not
 * in it: all of them are fresh on the new host.
 *
 * A stream is not trusted: whatever is in it, no page is ever in the ledger
 * that a guest could not have put there.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "migration/qemu-file-types.h"
#include "migration/vmstate.h"
#include "balloon.h"
#include "trace.h"

/* 7 bits in a byte, the lowest first; the top bit says that more follow. */
static void put_number(QEMUFile *f, uint64_t value)
{
    for (; value > 0x7f; value >>= 7) {
        qemu_put_byte(f, (int)(value & 0x7f) | 0x80);
    }
    qemu_put_byte(f, (int)value);
}

/* Return: false for one that has more than 64 bits. */
static bool get_number(QEMUFile *f, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = qemu_get_ubyte(f);

        if (shift == 63 && byte > 1) {
            return false;
        }
        *value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* Runs, each as its length and the gap before it; a length of 0 ends them. */
static void put_zone(QEMUFile *f, const BalloonZone *z)
{
    uint64_t at = 0, first, n;

    qemu_put_counted_string(f, qemu_ram_get_idstr(z->rb));
    while (ledger_next_run(z->in, at, ledger_pages(z->in), &first, &n)) {
        put_number(f, n);
        put_number(f, first - at);
        at = first + n;
    }
    put_number(f, 0);
}

/* Zones that have pages; one without a name ends them. */
static int put_ledger(QEMUFile *f, void *opaque, size_t size, const VMStateField *field,
                      JSONWriter *desc)
{
    BalloonZones *zs = opaque;
    BalloonZone *z;

    QTAILQ_FOREACH (z, &zs->list, next) {
        if (ledger_count(z->in)) {
            put_zone(f, z);
        }
    }
    qemu_put_byte(f, 0);
    return 0;
}

static int bad(const char *block, const char *what)
{
    error_report("balloon: the incoming list of ballooned pages is wrong (%s): %s", block, what);
    return -EINVAL;
}

static int get_zone(QEMUFile *f, BalloonZones *zs, const char *name)
{
    BalloonZone *z = balloon_ram_zone_by_name(zs, name);
    uint64_t at = 0, end, gap, n;

    if (!z) {
        return bad(name, "no such memory that can be ballooned");
    }
    if (ledger_count(z->in)) {
        return bad(name, "named twice");
    }
    end = MIN(ledger_pages(z->in), qemu_ram_get_used_length(z->rb) / VIRTIO_BALLOON_PFN_SIZE);
    while (get_number(f, &n) && n) {
        if (!get_number(f, &gap) || gap > end - at || n > end - at - gap || (at && !gap)) {
            return bad(name, "pages out of range or out of order");
        }
        at += gap;
        ledger_set(z->in, at, n);
        ledger_set(z->fresh, at, n);
        at += n;
    }
    /* What ends in the middle reads as 0: the file knows of it. */
    return at ? qemu_file_get_error(f) : bad(name, "no pages");
}

static int get_ledger(QEMUFile *f, void *opaque, size_t size, const VMStateField *field)
{
    BalloonZones *zs = opaque;
    char name[256];
    int ret = 0;

    balloon_zones_clear(zs);
    while (!ret && qemu_get_counted_string(f, name)) {
        ret = get_zone(f, zs, name);
    }
    if (ret) {
        balloon_zones_clear(zs);
    }
    return ret;
}

static const VMStateInfo ledger_info = {
    .name = "balloon ledger",
    .get = get_ledger,
    .put = put_ledger,
};

bool balloon_vmstate_ops_needed(void *opaque, int version_id)
{
    return balloon_ops_queue(opaque) != NULL;
}

static int pre_save(void *opaque)
{
    Ballonet *s = opaque;

    trace_ballonet_ledger_saved(balloon_zones_in(&s->ram.zones), s->ops.resume);
    return 0;
}

static int post_load(void *opaque, int version_id)
{
    Ballonet *s = opaque;
    const uint8_t *seen = VIRTIO_DEVICE(s)->config + VIRTIO_BALLOON_OPS_CONFIG_OFFSET;

    trace_ballonet_ledger_loaded(balloon_zones_in(&s->ram.zones), s->ops.resume);
    s->ops.moved = ldl_le_p(seen) != s->ops.block_size;
    return 0;
}

const VMStateDescription balloon_vmstate_ops = {
    .name = "page-ops",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = pre_save,
    .post_load = post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(ops.resume, Ballonet),
        {
            .name = "ledger",
            .info = &ledger_info,
            .flags = VMS_SINGLE,
            .offset = offsetof(Ballonet, ram.zones),
            .size = sizeof(BalloonZones),
        },
        VMSTATE_END_OF_LIST(),
    },
};
