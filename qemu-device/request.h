/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of the inflate and deflate queues: an array of 32-bit PFNs in the
 * byte order of the interface (VIRTIO 5.5.6, 5.5.6.1).  Here the shape of a
 * buffer is judged and the array is turned into ranges.
 *
 * Pure: works on bytes that were copied out of guest memory once; knows
 * neither RAM nor queues.
 */
#ifndef BALLONET_REQUEST_H
#define BALLONET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_PFN_BYTES 4u

/* What is wrong with the shape of a buffer; more than one may hold. */
enum {
    REQUEST_EMPTY = 1 << 0,    /* not one whole PFN in it */
    REQUEST_RAGGED = 1 << 1,   /* bytes left over after the last whole PFN */
    REQUEST_WRITABLE = 1 << 2, /* device-writable part, where the queue has none */
};

/*
 * Judges a buffer of @readable and @writable bytes.  The whole PFNs in it
 * count whatever is wrong around them, as a driver sees its buffer come back
 * and believes all its pages were taken.
 * Return: 0 or a set of REQUEST_* flags; *@pfns is the number of whole PFNs.
 */
unsigned request_shape(uint64_t readable, uint64_t writable, uint64_t *pfns);

/* Pages [pfn, pfn + n) of guest-physical memory, in 4 KiB units. */
typedef struct RequestRange {
    uint64_t pfn;
    uint64_t n;
} RequestRange;

/*
 * Decodes @count PFNs of @raw into ranges at @out, which has room for @count.
 * PFNs that follow each other upward or downward join into one range; order is
 * kept between ranges, and a PFN named twice is in two of them.
 * Return: the number of ranges.
 */
size_t request_ranges(const uint8_t *raw, size_t count, bool big_endian, RequestRange *out);

#endif
