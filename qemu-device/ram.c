/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory, see ram.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qapi/qapi-types-machine.h"
#include "qapi/qapi-visit-machine.h"
#include "hw/mem/memory-device.h"

#include "ram.h"
#include "trace.h"

/*
 * The memory map is looked up in aligned windows, the largest first, so that
 * neighbouring PFNs find the last look-up whatever their order: 1 GiB, 16 MiB,
 * 256 KiB, a page.
 */
#define WINDOW_SHIFT_MAX 30
#define WINDOW_SHIFT_STEP 6

/* Blocks whose whole ones the inflated ledger counts: units; those of property block-size. */
enum {
    COUNT_UNITS,
    COUNT_BLOCKS,
};

static void block_free(BalloonRam *ram, BalloonBlock *b)
{
    QTAILQ_REMOVE(&ram->blocks, b, next);
    trace_ballonet_block_gone(ledger_count(b->inflated), ledger_count(b->pending));
    ledger_free(b->inflated);
    ledger_free(b->pending);
    ledger_free(b->failed);
    g_free(b);
}

/*
 * Unplugged memory goes by RCU, whose thread takes the BQL to free it; the
 * block is still whole here and is not after.
 */
static void ram_block_removed(RAMBlockNotifier *n, void *host, size_t size, size_t max_size)
{
    BalloonRam *ram = container_of(n, BalloonRam, notifier);
    BalloonBlock *b, *tmp;

    ram->last.n = 0;
    QTAILQ_FOREACH_SAFE (b, &ram->blocks, next, tmp) {
        if (b->host == host) {
            block_free(ram, b);
        }
    }
}

static void forget_persistent(BalloonRam *ram)
{
    g_clear_pointer(&ram->persistent, g_ptr_array_unref);
}

/* After each change of the memory map: memory came, went, moved, or may be written no more. */
static void memory_map_changed(MemoryListener *listener)
{
    BalloonRam *ram = container_of(listener, BalloonRam, listener);

    ram->last.n = 0;
    forget_persistent(ram);
}

void balloon_ram_construct(BalloonRam *ram)
{
    QTAILQ_INIT(&ram->blocks);
}

void balloon_ram_init(BalloonRam *ram)
{
    ram->notifier = (RAMBlockNotifier){ .ram_block_removed = ram_block_removed };
    ram_block_notifier_add(&ram->notifier);
    ram->listener = (MemoryListener){
        .name = "virtio-balloon",
        .commit = memory_map_changed,
    };
    memory_listener_register(&ram->listener, &address_space_memory);
}

void balloon_ram_fini(BalloonRam *ram)
{
    BalloonBlock *b, *tmp;

    memory_listener_unregister(&ram->listener);
    ram_block_notifier_remove(&ram->notifier);
    QTAILQ_FOREACH_SAFE (b, &ram->blocks, next, tmp) {
        block_free(ram, b);
    }
    ram->last.n = 0;
    forget_persistent(ram);
}

static BalloonBlock *block_of(BalloonRam *ram, RAMBlock *rb)
{
    BalloonBlock *b;
    uint64_t pages;

    QTAILQ_FOREACH (b, &ram->blocks, next) {
        if (b->rb == rb) {
            return b;
        }
    }
    pages = balloon_pages(qemu_ram_get_max_length(rb));
    b = g_new0(BalloonBlock, 1);
    b->rb = rb;
    b->host = qemu_ram_get_host_addr(rb);
    b->unit = MAX(balloon_pages(MAX(qemu_ram_pagesize(rb), ram->granularity)), 1);
    b->inflated = ledger_new(pages);
    ledger_set_block(b->inflated, COUNT_UNITS, b->unit);
    ledger_set_block(b->inflated, COUNT_BLOCKS, balloon_pages(ram->block_size));
    b->pending = ledger_new(pages);
    b->failed = ledger_new(pages);
    QTAILQ_INSERT_TAIL(&ram->blocks, b, next);
    trace_ballonet_block_new(qemu_ram_get_idstr(rb), pages, b->unit);
    return b;
}

void balloon_ram_clear(BalloonRam *ram)
{
    BalloonBlock *b;

    QTAILQ_FOREACH (b, &ram->blocks, next) {
        ledger_clear_all(b->inflated);
        ledger_clear_all(b->pending);
        ledger_clear_all(b->failed);
        b->plan_from = 0;
        b->rest.n = 0;
        b->swept = 0;
    }
}

/* The RAM block of the memory backend at QOM path @path, NULL where there is none. */
static RAMBlock *backend_block(const char *path)
{
    Object *obj = path ? object_resolve_path(path, NULL) : NULL;
    HostMemoryBackend *backend =
        obj ? (HostMemoryBackend *)object_dynamic_cast(obj, TYPE_MEMORY_BACKEND) : NULL;
    MemoryRegion *mr = backend ? host_memory_backend_get_memory(backend) : NULL;

    return mr ? mr->ram_block : NULL;
}

/*
 * Neither device marks the region that its memory is in: an NVDIMM marks an
 * alias of it, virtio-pmem nothing.
 */
static void look_up_persistent(BalloonRam *ram)
{
    MemoryDeviceInfoList *list = qmp_memory_device_list(), *l;

    ram->persistent = g_ptr_array_new();
    for (l = list; l; l = l->next) {
        const MemoryDeviceInfo *info = l->value;

        if (info->type == MEMORY_DEVICE_INFO_KIND_NVDIMM) {
            g_ptr_array_add(ram->persistent, backend_block(info->u.nvdimm.data->memdev));
        } else if (info->type == MEMORY_DEVICE_INFO_KIND_VIRTIO_PMEM) {
            g_ptr_array_add(ram->persistent, backend_block(info->u.virtio_pmem.data->memdev));
        }
    }
    qapi_free_MemoryDeviceInfoList(list);
}

static bool is_persistent(BalloonRam *ram, const MemoryRegion *mr)
{
    if (!ram->persistent) {
        look_up_persistent(ram);
    }
    return g_ptr_array_find(ram->persistent, mr->ram_block, NULL);
}

/* Why memory of @mr cannot be ballooned; NULL: it can. */
static const char *not_ballooned(BalloonRam *ram, MemoryRegion *mr)
{
    if (!memory_region_is_ram(mr)) {
        return "device";
    }
    if (memory_region_is_rom(mr) || memory_region_is_romd(mr)) {
        return "ROM";
    }
    if (memory_region_is_ram_device(mr)) {
        return "device memory";
    }
    if (memory_region_is_nonvolatile(mr) || is_persistent(ram, mr)) {
        return "persistent memory";
    }
    if (ballonet_has_guest_memfd(mr)) {
        return "memory that only the guest can reach"; /* a discard would free its shared half */
    }
    return NULL;
}

/*
 * Why section @s cannot be ballooned; NULL: it can.  Memory that a
 * RamDiscardManager rules (virtio-mem) can: the guest keeps its free memory
 * there too, and it stays plugged whether populated or not.  A device that pins
 * such memory does so through the manager and inhibits discards as a whole.
 */
static const char *section_not_ballooned(BalloonRam *ram, const MemoryRegionSection *s)
{
    const char *why = not_ballooned(ram, s->mr);

    if (why) {
        return why;
    }
    if (s->readonly) {
        return "ROM";
    }
    if (s->nonvolatile) {
        return "persistent memory";
    }
    if (!QEMU_IS_ALIGNED(s->offset_within_region - s->offset_within_address_space,
                         VIRTIO_BALLOON_PFN_SIZE)) {
        return "RAM at an odd address";
    }
    return NULL;
}

/* Cuts section @s around @gpa to whole pages, and to what its block has in use. */
static BalloonTranslation translate_ram(BalloonRam *ram, const MemoryRegionSection *s, hwaddr gpa)
{
    hwaddr start = ROUND_UP(s->offset_within_address_space, VIRTIO_BALLOON_PFN_SIZE);
    hwaddr end = QEMU_ALIGN_DOWN(s->offset_within_address_space + int128_get64(s->size),
                                 VIRTIO_BALLOON_PFN_SIZE);
    uint64_t offset = s->offset_within_region + (start - s->offset_within_address_space);
    uint64_t used = qemu_ram_get_used_length(s->mr->ram_block);

    end = MIN(end, start + (used > offset ? used - offset : 0));
    if (gpa < start || gpa + VIRTIO_BALLOON_PFN_SIZE > end) {
        trace_ballonet_not_ram(gpa, 1, "RAM in part only");
        return (BalloonTranslation){ .pfn = balloon_pages(gpa), .n = 1 };
    }
    trace_virtio_balloon_handle_output(memory_region_name(s->mr), gpa);
    return (BalloonTranslation){
        .block = block_of(ram, s->mr->ram_block),
        .pfn = balloon_pages(start),
        .n = balloon_pages(end - start),
        .first = balloon_pages(offset),
    };
}

/*
 * The memory around @gpa: the first section of the smallest window that does
 * not begin with a section which ends below @gpa.  *@end is where that window
 * ends.  The caller drops the reference on the region, if there is one.
 */
static MemoryRegionSection section_around(hwaddr gpa, hwaddr *end)
{
    for (unsigned shift = WINDOW_SHIFT_MAX;; shift -= WINDOW_SHIFT_STEP) {
        hwaddr window = QEMU_ALIGN_DOWN(gpa, UINT64_C(1) << shift);
        MemoryRegionSection s =
            memory_region_find(get_system_memory(), window, UINT64_C(1) << shift);

        *end = window + (UINT64_C(1) << shift);
        if (!s.mr || shift == VIRTIO_BALLOON_PFN_SHIFT ||
            s.offset_within_address_space + int128_get64(s.size) > gpa) {
            return s;
        }
        memory_region_unref(s.mr);
    }
}

static BalloonTranslation look_up(BalloonRam *ram, uint64_t pfn)
{
    hwaddr gpa = balloon_bytes(pfn), stop;
    MemoryRegionSection s = section_around(gpa, &stop);
    const char *why = "nothing there";
    BalloonTranslation t;

    /* A page that a region begins or ends in is not wholly RAM, whatever that region is. */
    if (s.mr && s.offset_within_address_space > gpa) {
        stop = ROUND_UP(s.offset_within_address_space, VIRTIO_BALLOON_PFN_SIZE);
    } else if (s.mr) {
        why = section_not_ballooned(ram, &s);
        stop = ROUND_UP(s.offset_within_address_space + int128_get64(s.size),
                        VIRTIO_BALLOON_PFN_SIZE);
    }
    if (why) {
        t = (BalloonTranslation){ .pfn = pfn, .n = balloon_pages(stop - gpa) };
        trace_ballonet_not_ram(gpa, t.n, why);
    } else {
        t = translate_ram(ram, &s, gpa);
    }
    if (s.mr) {
        /* The memory map holds another reference for as long as the BQL is ours. */
        memory_region_unref(s.mr);
    }
    return t;
}

/* Where the first page of @e is, and how many after it are alike. */
static BalloonTranslation translate(BalloonRam *ram, BalloonExtent e)
{
    BalloonTranslation *last = &ram->last;
    uint64_t skip;

    if (e.pfn < last->pfn || e.pfn - last->pfn >= last->n) {
        *last = look_up(ram, e.pfn);
    }
    skip = e.pfn - last->pfn;
    return (BalloonTranslation){
        .block = last->block,
        .pfn = e.pfn,
        .n = MIN(e.n, last->n - skip),
        .first = last->first + skip,
    };
}

static void skip(BalloonExtent *e, uint64_t pages)
{
    e->pfn += pages;
    e->n -= pages;
}

static void reject(const BalloonTranslation *at, BalloonTally *t)
{
    t->rejected += at->n;
    trace_virtio_balloon_bad_addr(balloon_bytes(at->pfn));
}

void balloon_block_set_pending(BalloonBlock *b, uint64_t first, uint64_t n)
{
    uint64_t start = QEMU_ALIGN_DOWN(first, b->unit), end = ROUND_UP(first + n, b->unit);

    if (!ledger_holds(b->inflated, start, b->unit)) {
        start += b->unit;
    }
    if (end > start && !ledger_holds(b->inflated, end - b->unit, b->unit)) {
        end -= b->unit;
    }
    if (end > start) {
        ledger_set(b->pending, start, end - start);
        ledger_clear(b->failed, start, end - start);
        b->plan_from = MIN(b->plan_from, start);
    }
}

void balloon_ram_inflate(BalloonRam *ram, BalloonExtent e, BalloonTally *t)
{
    while (e.n) {
        BalloonTranslation at = translate(ram, e);
        BalloonBlock *b = at.block;

        if (b) {
            uint64_t changed = ledger_set(b->inflated, at.first, at.n);

            balloon_block_set_pending(b, at.first, at.n);
            t->changed += changed;
            t->repeated += at.n - changed;
            trace_ballonet_inflate(qemu_ram_get_idstr(b->rb), at.first, at.n, at.n - changed);
        } else {
            reject(&at, t);
        }
        skip(&e, at.n);
    }
}

/* A unit that lost a page cannot go back. */
static void keep_units(BalloonBlock *b, uint64_t first, uint64_t n)
{
    uint64_t start = QEMU_ALIGN_DOWN(first, b->unit), end = ROUND_UP(first + n, b->unit);

    ledger_clear(b->pending, start, end - start);
    ledger_clear(b->failed, start, end - start);
}

void balloon_ram_deflate(BalloonRam *ram, BalloonExtent e, BalloonTally *t)
{
    while (e.n) {
        BalloonTranslation at = translate(ram, e);
        BalloonBlock *b = at.block;

        if (b) {
            uint64_t changed = ledger_clear(b->inflated, at.first, at.n);

            keep_units(b, at.first, at.n);
            if (ram->sends_what_leaves) {
                ballonet_set_migration_dirty(b->rb, balloon_bytes(at.first), balloon_bytes(at.n));
            }
            t->changed += changed;
            t->repeated += at.n - changed;
            trace_ballonet_deflate(qemu_ram_get_idstr(b->rb), at.first, at.n, at.n - changed);
        } else {
            reject(&at, t);
        }
        skip(&e, at.n);
    }
}

BalloonState balloon_ram_state(BalloonRam *ram, BalloonExtent e, bool in)
{
    BalloonState state = BALLOON_STATE_RIGHT;

    while (e.n) {
        BalloonTranslation at = translate(ram, e);

        if (!at.block) {
            trace_virtio_balloon_bad_addr(balloon_bytes(at.pfn));
            return BALLOON_STATE_NOT_RAM;
        }
        if (ledger_find(at.block->inflated, at.first, at.first + at.n, !in) < at.first + at.n) {
            state = BALLOON_STATE_WRONG;
        }
        skip(&e, at.n);
    }
    return state;
}

BalloonBlock *balloon_ram_block_named(BalloonRam *ram, const char *name)
{
    RAMBlock *rb = qemu_ram_block_by_name(name);
    ram_addr_t offset;
    MemoryRegion *mr = rb ? memory_region_from_host(qemu_ram_get_host_addr(rb), &offset) : NULL;

    return mr && !not_ballooned(ram, mr) ? block_of(ram, rb) : NULL;
}

BalloonBlock *balloon_ram_block_mapped(BalloonRam *ram, void *host, uint64_t *offset)
{
    ram_addr_t at;
    MemoryRegion *mr = memory_region_from_host(host, &at);

    if (!mr || not_ballooned(ram, mr)) {
        return NULL;
    }
    *offset = at;
    return block_of(ram, mr->ram_block);
}

void balloon_ram_set_block_size(BalloonRam *ram, uint64_t bytes)
{
    BalloonBlock *b;

    ram->block_size = bytes;
    QTAILQ_FOREACH (b, &ram->blocks, next) {
        ledger_set_block(b->inflated, COUNT_BLOCKS, balloon_pages(bytes));
    }
}

static uint64_t sum(const BalloonRam *ram, uint64_t (*pages_of)(const BalloonBlock *b))
{
    const BalloonBlock *b;
    uint64_t pages = 0;

    QTAILQ_FOREACH (b, &ram->blocks, next) {
        pages += pages_of(b);
    }
    return pages;
}

static uint64_t inflated(const BalloonBlock *b)
{
    return ledger_count(b->inflated);
}

static uint64_t pending(const BalloonBlock *b)
{
    return ledger_count(b->pending);
}

static uint64_t withheld(const BalloonBlock *b)
{
    return ledger_count(b->inflated) - ledger_in_whole_blocks(b->inflated, COUNT_UNITS) +
           ledger_count(b->pending) + ledger_count(b->failed);
}

static uint64_t in_whole_blocks(const BalloonBlock *b)
{
    return ledger_in_whole_blocks(b->inflated, COUNT_BLOCKS);
}

uint64_t balloon_ram_inflated(const BalloonRam *ram)
{
    return sum(ram, inflated);
}

uint64_t balloon_ram_pending(const BalloonRam *ram)
{
    return sum(ram, pending);
}

uint64_t balloon_ram_withheld(const BalloonRam *ram)
{
    return sum(ram, withheld);
}

uint64_t balloon_ram_in_whole_blocks(const BalloonRam *ram)
{
    return sum(ram, in_whole_blocks);
}
