/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: from the bytes of a buffer to extents of guest pages.  Two kinds
 * of buffer name pages: an array of 32-bit PFNs in the byte order of the
 * interface (VIRTIO 5.5.6, 5.5.6.1), and an array of page operations
 * (spec/page-ops.md 4).  Here the shape of a buffer and the fields of an
 * operation are validated by themselves; whether the pages are RAM and in the
 * right state is for the ledger's owner to say.
 *
 * Pure: works on bytes that were copied out of guest memory once; knows
 * neither RAM nor queues.
 */
#ifndef BALLONET_REQUEST_H
#define BALLONET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages [pfn, pfn + n) of guest-physical memory, in 4 KiB units. */
typedef struct BalloonExtent {
    uint64_t pfn;
    uint64_t n;
} BalloonExtent;

#define REQUEST_PFN_BYTES 4u

/* What is wrong with the shape of a PFN array; more than one may hold. */
enum {
    REQUEST_EMPTY = 1 << 0,    /* not one whole PFN in it */
    REQUEST_RAGGED = 1 << 1,   /* bytes left over after the last whole PFN */
    REQUEST_WRITABLE = 1 << 2, /* device-writable part, where the queue has none */
};

/*
 * Validates a PFN buffer of @readable and @writable bytes.  The whole PFNs in
 * it count whatever is wrong around them, as a driver sees its buffer come back
 * and believes that all its pages were taken.
 * Return: 0 or a set of REQUEST_* flags; *@pfns is the number of whole PFNs.
 */
unsigned request_pfns_shape(uint64_t readable, uint64_t writable, uint64_t *pfns);

/*
 * Decodes @count PFNs of @raw into extents at @out, which has room for @count.
 * PFNs that follow each other upward or downward join into one extent; order is
 * kept between extents, and a PFN named twice is in two of them.
 * Return: the number of extents.
 */
size_t request_pfns_decode(const uint8_t *raw, size_t count, bool big_endian, BalloonExtent *out);

/* Operations that a buffer may hold: 96 KiB of them, 16 MiB of single pages. */
#define REQUEST_OPS_MAX 4096u

/* Bytes of one operation. */
#define REQUEST_OP_BYTES 24u

typedef enum RequestOpsShape {
    REQUEST_OPS_GOOD,
    REQUEST_OPS_TORN,      /* whole operations, and bytes after the last one */
    REQUEST_OPS_REFUSED,   /* empty, or too many: nothing of it is done */
    REQUEST_OPS_NO_STATUS, /* no room for a status: no answer is possible */
} RequestOpsShape;

/*
 * Validates a buffer of page operations of @readable and @writable bytes.
 * Return: its shape; *@ops is the number of operations to be done.
 */
RequestOpsShape request_ops_shape(uint64_t readable, uint64_t writable, uint32_t *ops);

/* One operation: pages that leave the balloon, and pages that enter it. */
typedef struct RequestOp {
    uint16_t type;       /* VIRTIO_BALLOON_OP_* */
    BalloonExtent leave; /* n is 0 for an INFLATE */
    BalloonExtent enter; /* n is 0 for a DEFLATE */
} RequestOp;

/* Decodes the 24 bytes at @raw.  Return: whether it is an operation that is allowed. */
bool request_op_decode(const uint8_t *raw, RequestOp *op);

#endif
