/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of PFN arrays and of page operations, see request.h.  Pure.
 */
#include "request.h"
#include "virtio_balloon.h"

#define PAGES_OF_ADDRESS_SPACE (UINT64_C(1) << (64 - VIRTIO_BALLOON_PFN_SHIFT))

_Static_assert(sizeof(struct virtio_balloon_op) == REQUEST_OP_BYTES, "size of an operation");

unsigned request_pfns_shape(uint64_t readable, uint64_t writable, uint64_t *pfns)
{
    unsigned wrong = 0;

    *pfns = readable / REQUEST_PFN_BYTES;
    if (!*pfns) {
        wrong |= REQUEST_EMPTY;
    }
    if (readable % REQUEST_PFN_BYTES) {
        wrong |= REQUEST_RAGGED;
    }
    if (writable) {
        wrong |= REQUEST_WRITABLE;
    }
    return wrong;
}

static uint64_t little_endian(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes--) {
        value = value << 8 | p[bytes];
    }
    return value;
}

static uint64_t pfn_at(const uint8_t *p, bool big_endian)
{
    if (big_endian) {
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    return little_endian(p, REQUEST_PFN_BYTES);
}

size_t request_pfns_decode(const uint8_t *raw, size_t count, bool big_endian, BalloonExtent *out)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t pfn = pfn_at(raw + i * REQUEST_PFN_BYTES, big_endian);
        BalloonExtent *last = used ? &out[used - 1] : NULL;

        if (last && pfn == last->pfn + last->n) {
            last->n++;
        } else if (last && pfn + 1 == last->pfn) {
            last->pfn--;
            last->n++;
        } else {
            out[used++] = (BalloonExtent){ .pfn = pfn, .n = 1 };
        }
    }
    return used;
}

RequestOpsShape request_ops_shape(uint64_t readable, uint64_t writable, uint32_t *ops)
{
    uint64_t n = readable / REQUEST_OP_BYTES;

    *ops = 0;
    if (writable < sizeof(struct virtio_balloon_ops_status)) {
        return REQUEST_OPS_NO_STATUS;
    }
    if (!readable || n > REQUEST_OPS_MAX) {
        return REQUEST_OPS_REFUSED;
    }
    *ops = (uint32_t)n;
    return readable % REQUEST_OP_BYTES ? REQUEST_OPS_TORN : REQUEST_OPS_GOOD;
}

#define FIELD(raw, name)                                           \
    little_endian((raw) + offsetof(struct virtio_balloon_op, name), \
                  sizeof(((struct virtio_balloon_op *)0)->name))

/* Return: whether @count pages from byte @addr on are pages at all. */
static bool extent(uint64_t addr, uint64_t count, BalloonExtent *e)
{
    *e = (BalloonExtent){ .pfn = addr >> VIRTIO_BALLOON_PFN_SHIFT, .n = count };
    return count && addr % VIRTIO_BALLOON_PFN_SIZE == 0 &&
           count <= PAGES_OF_ADDRESS_SPACE - e->pfn;
}

static bool overlap(const BalloonExtent *a, const BalloonExtent *b)
{
    return a->pfn < b->pfn + b->n && b->pfn < a->pfn + a->n;
}

bool request_op_decode(const uint8_t *raw, RequestOp *op)
{
    uint64_t count = FIELD(raw, count);
    uint64_t addr = FIELD(raw, addr), new_addr = FIELD(raw, new_addr);

    *op = (RequestOp){ .type = (uint16_t)FIELD(raw, type) };
    if (FIELD(raw, reserved)) {
        return false;
    }
    switch (op->type) {
    case VIRTIO_BALLOON_OP_INFLATE:
        return !new_addr && extent(addr, count, &op->enter);
    case VIRTIO_BALLOON_OP_DEFLATE:
        return !new_addr && extent(addr, count, &op->leave);
    case VIRTIO_BALLOON_OP_SWAP:
        return extent(addr, count, &op->leave) && extent(new_addr, count, &op->enter) &&
               !overlap(&op->leave, &op->enter);
    default:
        return false;
    }
}
