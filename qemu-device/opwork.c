/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One page operation in steps, see opwork.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "opwork.h"
#include "virtio_balloon.h"

/* Of guest memory in one step; the ledgers take some 20 us for each GiB. */
#define STEP_PAGES (8 * GiB / VIRTIO_BALLOON_PFN_SIZE)

void balloon_opwork_begin(BalloonOpWork *w, const uint8_t *raw)
{
    *w = (BalloonOpWork){ .status = VIRTIO_BALLOON_OPS_OK };
    if (!oprequest_decode(raw, &w->op)) {
        w->status = VIRTIO_BALLOON_OPS_MALFORMED;
    }
}

/* What is next of the pages that leave, then of those that enter; n is 0 at the end. */
static RequestRange next_piece(const BalloonOpWork *w, bool *enters)
{
    uint64_t leave = w->op.leave.n, total = leave + w->op.enter.n;

    *enters = w->passed >= leave;
    if (*enters) {
        return (RequestRange){ .pfn = w->op.enter.pfn + (w->passed - leave),
                               .n = MIN(STEP_PAGES, total - w->passed) };
    }
    return (RequestRange){ .pfn = w->op.leave.pfn + w->passed,
                           .n = MIN(STEP_PAGES, leave - w->passed) };
}

static void judge(BalloonOpWork *w, BalloonRam *ram, const RequestRange *r, bool enters)
{
    switch (balloon_ram_judge(ram, r->pfn, r->n, !enters)) {
    case BALLOON_RAM_NONE:
        w->status = VIRTIO_BALLOON_OPS_NOT_RAM;
        break;
    case BALLOON_RAM_UNLIKE:
        /* Not the last word: a page that is no RAM goes before it. */
        w->status = VIRTIO_BALLOON_OPS_WRONG_STATE;
        break;
    default:
        break;
    }
}

static void change(BalloonRam *ram, const RequestRange *r, bool enters)
{
    BalloonTally t = { 0 };

    if (enters) {
        balloon_ram_inflate(ram, r->pfn, r->n, &t);
    } else {
        balloon_ram_deflate(ram, r->pfn, r->n, &t);
    }
}

bool balloon_opwork_step(BalloonOpWork *w, BalloonRam *ram)
{
    bool enters;
    RequestRange r = next_piece(w, &enters);

    if (w->status == VIRTIO_BALLOON_OPS_MALFORMED) {
        return true;
    }
    if (r.n) {
        if (w->changing) {
            change(ram, &r, enters);
        } else {
            judge(w, ram, &r, enters);
        }
        w->passed += r.n;
        return w->status == VIRTIO_BALLOON_OPS_NOT_RAM;
    }
    if (w->changing || w->status != VIRTIO_BALLOON_OPS_OK) {
        return true;
    }
    if (w->op.type == VIRTIO_BALLOON_OP_INFLATE && balloon_ram_inhibited()) {
        w->status = VIRTIO_BALLOON_OPS_INHIBITED;
        return true;
    }
    w->changing = true;
    w->passed = 0;
    return false;
}
