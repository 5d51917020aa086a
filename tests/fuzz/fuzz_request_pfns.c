/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a buffer of PFNs: the ranges, read back in order, must be the
 * PFNs that went in, none of them lost, added or joined wrongly, and each range
 * as long as the rule of request.h makes it.
 */
#include "bytes.h"
#include "request.h"

static uint64_t pfn_of(const uint8_t *p, bool big_endian)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < REQUEST_PFN_BYTES; i++) {
        value = value << 8 | p[big_endian ? i : REQUEST_PFN_BYTES - 1 - i];
    }
    return value;
}

static void check_shape(uint64_t readable, uint64_t writable)
{
    uint64_t pfns;
    unsigned wrong = request_pfns_shape(readable, writable, &pfns);

    CHECK(pfns == readable >> 2);
    CHECK(!(wrong & REQUEST_EMPTY) == (readable >= 4));
    CHECK(!(wrong & REQUEST_RAGGED) == !(readable & 3));
    CHECK(!(wrong & REQUEST_WRITABLE) == !writable);
    CHECK(!(wrong & ~(unsigned)(REQUEST_EMPTY | REQUEST_RAGGED | REQUEST_WRITABLE)));
}

static void check_ranges(const uint8_t *raw, size_t count, bool big_endian)
{
    /* Not one element more than promised: a write past it is seen. */
    BalloonExtent *out = malloc(count ? count * sizeof(*out) : 1);
    size_t ranges, at = 0;

    CHECK(out);
    ranges = request_pfns_decode(raw, count, big_endian, out);
    CHECK(ranges <= count);
    for (size_t i = 0; i < ranges; i++) {
        uint64_t low, high;

        CHECK(at < count && out[i].n && out[i].n <= count - at);
        low = high = pfn_of(raw + 4 * at, big_endian);
        for (uint64_t k = 1; k < out[i].n; k++) {
            uint64_t pfn = pfn_of(raw + 4 * (at + k), big_endian);

            CHECK(pfn == high + 1 || pfn + 1 == low);
            low = pfn < low ? pfn : low;
            high = pfn > high ? pfn : high;
        }
        CHECK(out[i].pfn == low && out[i].n == high - low + 1);
        at += out[i].n;
        if (at < count) {
            uint64_t pfn = pfn_of(raw + 4 * at, big_endian);

            CHECK(pfn != high + 1 && pfn + 1 != low);
        }
    }
    CHECK(at == count);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Bytes b = { data, size };
    bool big_endian = bytes_take(&b, 1) & 1;
    uint64_t readable = bytes_number(&b);

    check_shape(readable, bytes_number(&b));
    check_ranges(b.at, b.left / REQUEST_PFN_BYTES, big_endian);
    return 0;
}
