/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the fuzz targets read their input: numbers from a run of bytes, which
 * reads as zeroes once it is used up.  Also CHECK(), an assertion that no
 * build option takes out.
 */
#ifndef BALLONET_FUZZ_BYTES_H
#define BALLONET_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(what)                                                          \
    do {                                                                     \
        if (!(what)) {                                                       \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                         \
        }                                                                    \
    } while (0)

/* Implemented by each target; libFuzzer and replay.c call it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Bytes {
    const uint8_t *at;
    size_t left;
} Bytes;

/* A little-endian number of @width bytes. */
static inline uint64_t bytes_take(Bytes *b, unsigned width)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < width && b->left; i++, b->left--) {
        value |= (uint64_t)*b->at++ << (8 * i);
    }
    return value;
}

/*
 * A number whose width is in the input too, so that a few bytes make a small
 * one, a huge one or one just below 2^64.
 */
static inline uint64_t bytes_number(Bytes *b)
{
    uint64_t how = bytes_take(b, 1);
    static const unsigned width[] = { 1, 2, 2, 3, 4, 8 };
    uint64_t value = bytes_take(b, width[how % 6]);

    return how >= 0xf0 ? ~value : value;
}

#endif
