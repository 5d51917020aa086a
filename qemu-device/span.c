/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The look into the memory map, see span.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "span.h"
#include "trace.h"
#include "virtio_balloon.h"

/*
 * The memory map is looked up in aligned windows, the largest first, so that
 * PFNs hit the cache whatever their order: 1 GiB, 16 MiB, 256 KiB, a page.
 */
#define WINDOW_SHIFT_MAX 30
#define WINDOW_SHIFT_STEP 6

#define PAGES(bytes) ((uint64_t)(bytes) >> VIRTIO_BALLOON_PFN_SHIFT)
#define BYTES(pages) ((uint64_t)(pages) << VIRTIO_BALLOON_PFN_SHIFT)

const char *balloon_span_no_memory(MemoryRegion *mr)
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
    if (memory_region_is_nonvolatile(mr)) {
        return "persistent memory";
    }
    return NULL;
}

/*
 * Why @s cannot be ballooned; NULL: it can.  What a RamDiscardManager rules
 * (virtio-mem) can: the guest keeps its free memory there too, it stays plugged
 * whether populated or not, and where somebody has pinned it, which he may
 * through such a manager only, discards are inhibited as a whole.
 */
static const char *not_ours(const MemoryRegionSection *s)
{
    const char *why = balloon_span_no_memory(s->mr);

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

/* Cuts a section of @s to whole pages and to what the block has in use. */
static void span_of_ram(BalloonZones *zs, const MemoryRegionSection *s, hwaddr gpa,
                        BalloonSpan *span)
{
    hwaddr start = ROUND_UP(s->offset_within_address_space, VIRTIO_BALLOON_PFN_SIZE);
    hwaddr end = QEMU_ALIGN_DOWN(s->offset_within_address_space + int128_get64(s->size),
                                 VIRTIO_BALLOON_PFN_SIZE);
    uint64_t offset = s->offset_within_region + (start - s->offset_within_address_space);
    uint64_t used = qemu_ram_get_used_length(s->mr->ram_block);

    end = MIN(end, start + (used > offset ? used - offset : 0));
    if (gpa < start || gpa + VIRTIO_BALLOON_PFN_SIZE > end) {
        trace_ballonet_not_ram(gpa, 1, "RAM in part only");
        *span = (BalloonSpan){ .pfn = PAGES(gpa), .n = 1 };
        return;
    }
    trace_virtio_balloon_handle_output(memory_region_name(s->mr), gpa);
    *span = (BalloonSpan){
        .zone = balloon_zone_of(zs, s->mr->ram_block),
        .pfn = PAGES(start),
        .n = PAGES(end - start),
        .first = PAGES(offset),
    };
}

/*
 * The first section of the smallest window around @gpa that does not begin
 * with something wholly below it; *@end is where that window ends.
 * The caller drops the reference on the region, if there is one.
 */
static MemoryRegionSection section_near(hwaddr gpa, hwaddr *end)
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

void balloon_span_look_up(BalloonZones *zs, uint64_t pfn, BalloonSpan *span)
{
    hwaddr gpa = BYTES(pfn), stop;
    MemoryRegionSection s = section_near(gpa, &stop);
    const char *why = "nothing there";

    /* A page that a region begins or ends in is not wholly RAM, whatever that region is. */
    if (s.mr && s.offset_within_address_space > gpa) {
        stop = ROUND_UP(s.offset_within_address_space, VIRTIO_BALLOON_PFN_SIZE);
    } else if (s.mr) {
        why = not_ours(&s);
        stop = ROUND_UP(s.offset_within_address_space + int128_get64(s.size),
                        VIRTIO_BALLOON_PFN_SIZE);
    }
    if (why) {
        *span = (BalloonSpan){ .pfn = pfn, .n = PAGES(stop - gpa) };
        trace_ballonet_not_ram(gpa, span->n, why);
    } else {
        span_of_ram(zs, &s, gpa, span);
    }
    if (s.mr) {
        /* The map holds another reference for as long as the BQL is ours. */
        memory_region_unref(s.mr);
    }
}
