/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migration stream, byte for byte the stock device's: names, versions and
 * fields below are an interface and must not change.  What is popped from a
 * queue is not in it (see engine.h).
 *
 * The ledger, which the stock device does not know, is there only where page
 * ops are negotiated: which pages of which RAM block are in the balloon, and
 * how much of the buffer that comes next is done already.  Which pages are
 * discarded is not in it: all of them are pending on the new host.
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

static int post_load(void *opaque, int version_id)
{
    balloon_config_loaded(opaque);
    balloon_stats_rearm(opaque);
    return 0;
}

static bool hint_needed(void *opaque)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(opaque), VIRTIO_BALLOON_F_FREE_PAGE_HINT);
}

static int hint_post_load(void *opaque, int version_id)
{
    return balloon_hinting_loaded(opaque);
}

/* Named before reporting got that word for itself. */
static const VMStateDescription vmstate_hint = {
    .name = "virtio-balloon-device/free-page-report",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = hint_needed,
    .post_load = hint_post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(hinting.cmd_id, Ballonet),
        VMSTATE_UINT32(hinting.status, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
};

static bool poison_needed(void *opaque)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(opaque), VIRTIO_BALLOON_F_PAGE_POISON);
}

static const VMStateDescription vmstate_poison = {
    .name = "virtio-balloon-device/page-poison",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = poison_needed,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(poison_val, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
};

/* num_pages and actual need no check: any value is one a guest or user could have set. */
const VMStateDescription balloon_vmstate_device = {
    .name = "virtio-balloon-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(num_pages, Ballonet),
        VMSTATE_UINT32(actual, Ballonet),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = BALLONET_VMSUBSECTIONS{
        &vmstate_hint,
        &vmstate_poison,
        NULL,
    },
};

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

/* Extents, each as its length and the gap before it; a length of 0 ends them. */
static void put_block(QEMUFile *f, const BalloonBlock *b)
{
    uint64_t at = 0, first, n;

    qemu_put_counted_string(f, qemu_ram_get_idstr(b->rb));
    while (ledger_next_extent(b->inflated, at, ledger_pages(b->inflated), &first, &n)) {
        put_number(f, n);
        put_number(f, first - at);
        at = first + n;
    }
    put_number(f, 0);
}

/*
 * Blocks that have pages; one without a name ends them, so a block that QEMU
 * gave no name cannot travel, as no other part of it does.
 */
static int put_ledger(QEMUFile *f, void *opaque, size_t size, const VMStateField *field,
                      JSONWriter *desc)
{
    BalloonRam *ram = opaque;
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &ram->blocks, next) {
        if (ledger_count(b->inflated) && *qemu_ram_get_idstr(b->rb)) {
            put_block(f, b);
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

static int get_block(QEMUFile *f, BalloonRam *ram, const char *name)
{
    BalloonBlock *b = balloon_ram_block_named(ram, name);
    uint64_t at = 0, end, gap, n;

    if (!b) {
        return bad(name, "no such memory that can be ballooned");
    }
    if (ledger_count(b->inflated)) {
        return bad(name, "named twice");
    }
    end = MIN(ledger_pages(b->inflated), qemu_ram_get_used_length(b->rb) / VIRTIO_BALLOON_PFN_SIZE);
    while (get_number(f, &n) && n) {
        if (!get_number(f, &gap) || gap > end - at || n > end - at - gap || (at && !gap)) {
            return bad(name, "pages out of range or out of order");
        }
        at += gap;
        ledger_set(b->inflated, at, n);
        balloon_block_set_pending(b, at, n);
        at += n;
    }
    /* What ends in the middle reads as 0: the file knows of it. */
    return at ? qemu_file_get_error(f) : bad(name, "no pages");
}

static int get_ledger(QEMUFile *f, void *opaque, size_t size, const VMStateField *field)
{
    BalloonRam *ram = opaque;
    char name[256];
    int ret = 0;

    balloon_ram_clear(ram);
    while (!ret && qemu_get_counted_string(f, name)) {
        ret = get_block(f, ram, name);
    }
    if (ret) {
        balloon_ram_clear(ram);
    }
    return ret;
}

static const VMStateInfo ledger_info = {
    .name = "balloon ledger",
    .get = get_ledger,
    .put = put_ledger,
};

static bool ops_needed(void *opaque, int version_id)
{
    return balloon_has_page_ops(opaque);
}

static int ops_pre_save(void *opaque)
{
    Ballonet *s = opaque;

    trace_ballonet_ledger_saved(balloon_ram_inflated(&s->ram), s->engine.resume);
    return 0;
}

static int ops_post_load(void *opaque, int version_id)
{
    Ballonet *s = opaque;
    const uint8_t *seen = VIRTIO_DEVICE(s)->config + VIRTIO_BALLOON_OPS_CONFIG_OFFSET;

    trace_ballonet_ledger_loaded(balloon_ram_inflated(&s->ram), s->engine.resume);
    s->block_size_changed = ldl_le_p(seen) != s->block_size;
    return 0;
}

static const VMStateDescription vmstate_ops = {
    .name = "page-ops",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = ops_pre_save,
    .post_load = ops_post_load,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_UINT32(engine.resume, Ballonet),
        {
            .name = "ledger",
            .info = &ledger_info,
            .flags = VMS_SINGLE,
            .offset = offsetof(Ballonet, ram),
            .size = sizeof(BalloonRam),
        },
        VMSTATE_END_OF_LIST(),
    },
};

const VMStateDescription balloon_vmstate_outer = {
    .name = "virtio-balloon",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = BALLONET_VMFIELDS{
        VMSTATE_VIRTIO_DEVICE,
        /*
         * Behind the features: a host that does not know page ops finds these
         * first, and says that they are not supported.  It is no subsection,
         * as its name would have to begin with "virtio", and the transport
         * would take it for one of its own.
         */
        {
            .name = "page-ops",
            .field_exists = ops_needed,
            .vmsd = &vmstate_ops,
            .flags = VMS_STRUCT,
            .size = sizeof(Ballonet),
        },
        VMSTATE_END_OF_LIST(),
    },
};
