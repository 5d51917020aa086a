/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inflate and deflate queues at work, see pfns.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "balloon.h"

/* On a stop: PFNs of a half-read buffer that are still worth reading. */
#define SETTLE_PFNS (4 * GiB / VIRTIO_BALLOON_PFN_SIZE)

/* Reads one chunk of @buf into the ledgers.  Return: PFNs read, 0 at its end. */
static size_t apply_chunk(Ballonet *s, BalloonBuffer *buf, bool inflate)
{
    RequestRange range[BALLOON_CHUNK_PFNS];
    BalloonTally t = { 0 };
    size_t ranges, n = balloon_queue_read(s, buf, range, &ranges);

    for (size_t i = 0; i < ranges; i++) {
        if (inflate) {
            balloon_ram_inflate(&s->ram, range[i].pfn, range[i].n, &t);
        } else {
            balloon_ram_deflate(&s->ram, range[i].pfn, range[i].n, &t);
        }
    }
    s->count.rejected_pfns += t.rejected;
    if (inflate) {
        s->count.repeated_pfns += t.repeated;
    } else {
        s->count.stray_pfns += t.repeated;
    }
    return n;
}

bool balloon_pfns_deflate(Ballonet *s, int64_t deadline)
{
    BalloonBuffer *buf = &s->pfns.deflate;
    unsigned pushed = 0;
    bool all = true;

    while (buf->elem || balloon_queue_next(s, s->deflateq, buf)) {
        if (!apply_chunk(s, buf, false)) {
            balloon_queue_push(s, s->deflateq, buf->elem);
            buf->elem = NULL;
            pushed++;
        }
        if (get_clock() >= deadline) {
            all = false;
            break;
        }
    }
    if (pushed) {
        virtio_notify(VIRTIO_DEVICE(s), s->deflateq);
    }
    return all;
}

void balloon_pfns_gather(Ballonet *s, uint64_t limit, int64_t deadline)
{
    BalloonPfns *p = &s->pfns;

    while (p->nheld < ARRAY_SIZE(p->held) && p->gathered < limit &&
           (p->inflate.elem || balloon_queue_next(s, s->inflateq, &p->inflate))) {
        size_t n = apply_chunk(s, &p->inflate, true);

        p->gathered += n;
        if (!n) {
            p->held[p->nheld++] = p->inflate.elem;
            p->inflate.elem = NULL;
        }
        if (get_clock() >= deadline) {
            break;
        }
    }
}

void balloon_pfns_answer(Ballonet *s)
{
    BalloonPfns *p = &s->pfns;

    for (unsigned i = 0; i < p->nheld; i++) {
        balloon_queue_push(s, s->inflateq, p->held[i]);
    }
    p->answered |= p->nheld > 0;
    p->nheld = 0;
    p->gathered = 0;
}

void balloon_pfns_notify(Ballonet *s)
{
    if (s->pfns.answered) {
        s->pfns.answered = false;
        virtio_notify(VIRTIO_DEVICE(s), s->inflateq);
    }
}

bool balloon_pfns_idle(Ballonet *s)
{
    BalloonPfns *p = &s->pfns;

    return !p->inflate.elem && !p->deflate.elem && !p->nheld &&
           virtio_queue_empty(s->inflateq) && virtio_queue_empty(s->deflateq);
}

static void settle(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    if (buf->elem && buf->pfns - buf->done > SETTLE_PFNS) {
        balloon_queue_rewind(s, vq, buf);
    }
    while (buf->elem && apply_chunk(s, buf, vq == s->inflateq)) {
        continue;
    }
}

static void answer_settled(Ballonet *s, VirtQueue *vq, BalloonBuffer *buf)
{
    if (buf->elem) {
        balloon_queue_push(s, vq, buf->elem);
        buf->elem = NULL;
        virtio_notify(VIRTIO_DEVICE(s), vq);
    }
}

void balloon_pfns_settle(Ballonet *s)
{
    settle(s, s->inflateq, &s->pfns.inflate);
}

void balloon_pfns_answer_settled(Ballonet *s)
{
    BalloonPfns *p = &s->pfns;

    settle(s, s->deflateq, &p->deflate);
    answer_settled(s, s->deflateq, &p->deflate);
    balloon_pfns_answer(s);
    balloon_pfns_notify(s);
    answer_settled(s, s->inflateq, &p->inflate);
}

void balloon_pfns_forget(Ballonet *s)
{
    BalloonPfns *p = &s->pfns;

    while (p->nheld) {
        balloon_queue_forget(s->inflateq, p->held[--p->nheld]);
    }
    if (p->inflate.elem) {
        balloon_queue_forget(s->inflateq, p->inflate.elem);
    }
    if (p->deflate.elem) {
        balloon_queue_forget(s->deflateq, p->deflate.elem);
    }
    p->inflate.elem = p->deflate.elem = NULL;
    p->answered = false;
    p->gathered = 0;
}
