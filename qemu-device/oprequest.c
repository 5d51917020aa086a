/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of page operations, see oprequest.h.  Pure.
 */
#include "oprequest.h"
#include "virtio_balloon.h"

#define OP_BYTES sizeof(struct virtio_balloon_op)
#define PAGES_OF_ADDRESS_SPACE (UINT64_C(1) << (64 - VIRTIO_BALLOON_PFN_SHIFT))

OpShape oprequest_shape(uint64_t readable, uint64_t writable, uint32_t *ops)
{
    uint64_t n = readable / OP_BYTES;

    *ops = 0;
    if (writable < sizeof(struct virtio_balloon_ops_status)) {
        return OP_SHAPE_NO_ROOM;
    }
    if (!readable || n > OPREQUEST_MAX) {
        return OP_SHAPE_REFUSED;
    }
    *ops = (uint32_t)n;
    return readable % OP_BYTES ? OP_SHAPE_TORN : OP_SHAPE_GOOD;
}

static uint64_t little_endian(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes--) {
        value = value << 8 | p[bytes];
    }
    return value;
}

#define FIELD(raw, name)                                           \
    little_endian((raw) + offsetof(struct virtio_balloon_op, name), \
                  sizeof(((struct virtio_balloon_op *)0)->name))

/* Return: whether @count pages from byte @addr on are pages at all. */
static bool range(uint64_t addr, uint64_t count, RequestRange *r)
{
    *r = (RequestRange){ .pfn = addr >> VIRTIO_BALLOON_PFN_SHIFT, .n = count };
    return count && addr % VIRTIO_BALLOON_PFN_SIZE == 0 &&
           count <= PAGES_OF_ADDRESS_SPACE - r->pfn;
}

static bool overlap(const RequestRange *a, const RequestRange *b)
{
    return a->pfn < b->pfn + b->n && b->pfn < a->pfn + a->n;
}

bool oprequest_decode(const uint8_t *raw, OpRequest *op)
{
    uint64_t count = FIELD(raw, count);
    uint64_t addr = FIELD(raw, addr), new_addr = FIELD(raw, new_addr);

    *op = (OpRequest){ .type = (uint16_t)FIELD(raw, type) };
    if (FIELD(raw, reserved)) {
        return false;
    }
    switch (op->type) {
    case VIRTIO_BALLOON_OP_INFLATE:
        return !new_addr && range(addr, count, &op->enter);
    case VIRTIO_BALLOON_OP_DEFLATE:
        return !new_addr && range(addr, count, &op->leave);
    case VIRTIO_BALLOON_OP_SWAP:
        return range(addr, count, &op->leave) && range(new_addr, count, &op->enter) &&
               !overlap(&op->leave, &op->enter);
    default:
        return false;
    }
}
