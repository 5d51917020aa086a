/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page reporting, see reporting.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "balloon.h"
#include "trace.h"

/*
 * A guest that poisons free pages finds zeroes where its pattern was, so its
 * pages must keep what they hold (5.5.6.7.2).
 */
static bool may_discard(Ballonet *s)
{
    return !s->poison_val && !balloon_reclaim_inhibited();
}

void balloon_reporting_begin(Ballonet *s, const VirtQueueElement *elem)
{
    trace_ballonet_report(elem->in_num, elem->out_num, may_discard(s));
    s->count.rejected_buffers += !elem->in_num || elem->out_num;
}

uint64_t balloon_reporting_step(Ballonet *s, const VirtQueueElement *elem, unsigned i,
                                uint64_t done)
{
    const struct iovec *part = &elem->in_sg[i];
    uint64_t offset, start, end, used, unit, bytes = part->iov_len;
    BalloonBlock *b;

    if (!may_discard(s)) {
        return bytes;
    }
    b = balloon_ram_block_mapped(&s->ram, part->iov_base, &offset);
    if (!b) {
        /* A bounce buffer, for one: what is there is no memory. */
        s->count.rejected_pfns += DIV_ROUND_UP(bytes, VIRTIO_BALLOON_PFN_SIZE);
        trace_virtio_balloon_bad_addr(elem->in_addr[i]);
        return bytes;
    }
    /* Only what is whole, host page or granularity, goes back. */
    unit = balloon_bytes(b->unit);
    used = qemu_ram_get_used_length(b->rb);
    start = MAX(ROUND_UP(offset, unit), offset + done);
    end = QEMU_ALIGN_DOWN(MIN(offset + bytes, used), unit);
    if (start >= end) {
        if (!done) {
            trace_ballonet_report_kept(qemu_ram_get_idstr(b->rb), offset, bytes, unit);
        }
        return bytes;
    }
    return start - offset + balloon_reclaim_reported(s, b, start, end);
}
