/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of PFN arrays, see request.h.  Pure.
 */
#include "request.h"

unsigned request_shape(uint64_t readable, uint64_t writable, uint64_t *pfns)
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

static uint32_t pfn_at(const uint8_t *p, bool big_endian)
{
    if (big_endian) {
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

size_t request_ranges(const uint8_t *raw, size_t count, bool big_endian, RequestRange *out)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t pfn = pfn_at(raw + i * REQUEST_PFN_BYTES, big_endian);
        RequestRange *last = used ? &out[used - 1] : NULL;

        if (last && pfn == last->pfn + last->n) {
            last->n++;
        } else if (last && pfn + 1 == last->pfn) {
            last->pfn--;
            last->n++;
        } else {
            out[used++] = (RequestRange){ .pfn = pfn, .n = 1 };
        }
    }
    return used;
}
