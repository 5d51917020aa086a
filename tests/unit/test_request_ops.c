/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding of page operations: shapes and fields by table, the ends of the
 * address space, and random bytes whose verdict is checked against the
 * specification's sentences written out in 128 bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model.h"
#include "request.h"
#include "virtio_balloon.h"

#define TIB (UINT64_C(1) << 40)
#define TOP (UINT64_MAX - 4095) /* the last page of the address space */

static void shapes(void **state)
{
    static const struct {
        uint64_t readable, writable;
        RequestOpsShape shape;
        uint32_t ops;
    } t[] = {
        { 24, 8, REQUEST_OPS_GOOD, 1 },
        { 24 * REQUEST_OPS_MAX, 8, REQUEST_OPS_GOOD, REQUEST_OPS_MAX },
        { 24 * REQUEST_OPS_MAX + 23, 8, REQUEST_OPS_TORN, REQUEST_OPS_MAX },
        { 24 * (REQUEST_OPS_MAX + 1), 8, REQUEST_OPS_REFUSED, 0 },
        { UINT64_MAX, UINT64_MAX, REQUEST_OPS_REFUSED, 0 },
        { 0, 8, REQUEST_OPS_REFUSED, 0 },
        { 1, 8, REQUEST_OPS_TORN, 0 },
        { 23, 4096, REQUEST_OPS_TORN, 0 },
        { 36, 8, REQUEST_OPS_TORN, 1 },
        { 24, 7, REQUEST_OPS_NO_STATUS, 0 },
        { 24, 0, REQUEST_OPS_NO_STATUS, 0 },
        { 0, 0, REQUEST_OPS_NO_STATUS, 0 },
        { UINT64_MAX, 4, REQUEST_OPS_NO_STATUS, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        uint32_t ops = 99;

        assert_int_equal(request_ops_shape(t[i].readable, t[i].writable, &ops), t[i].shape);
        assert_int_equal(ops, t[i].ops);
    }
}

typedef struct Fields {
    uint16_t type, reserved;
    uint32_t count;
    uint64_t addr, new_addr;
} Fields;

static void put(uint8_t **p, uint64_t value, unsigned bytes)
{
    for (; bytes; bytes--, value >>= 8) {
        *(*p)++ = (uint8_t)value;
    }
}

static bool decode(const Fields *f, RequestOp *op)
{
    uint8_t raw[24], *p = raw;

    put(&p, f->type, 2);
    put(&p, f->reserved, 2);
    put(&p, f->count, 4);
    put(&p, f->addr, 8);
    put(&p, f->new_addr, 8);
    return request_op_decode(raw, op);
}

enum { I = VIRTIO_BALLOON_OP_INFLATE, D = VIRTIO_BALLOON_OP_DEFLATE, S = VIRTIO_BALLOON_OP_SWAP };

static void fields(void **state)
{
    static const struct {
        Fields f;
        bool good;
    } t[] = {
        { { I, 0, 1, 0, 0 }, true },
        { { D, 0, UINT32_MAX, 0, 0 }, true },
        { { S, 0, 4, 0x4000, 0x8000 }, true },
        { { S, 0, 4, 0x8000, 0x4000 }, true },  /* they touch */
        { { S, 0, 5, 0x8000, 0x4000 }, false }, /* they overlap by one page */
        { { S, 0, 5, 0x4000, 0x8000 }, false },
        { { S, 0, 1, 0x4000, 0x4000 }, false },
        { { 0, 0, 1, 0, 0 }, false },
        { { 4, 0, 1, 0, 0 }, false },
        { { 0x101, 0, 1, 0, 0 }, false },
        { { I, 1, 1, 0, 0 }, false },
        { { I, 0x8000, 1, 0, 0 }, false },
        { { I, 0, 0, 0, 0 }, false },
        { { S, 0, 0, 0, 0x4000 }, false },
        { { I, 0, 1, 1, 0 }, false },
        { { I, 0, 1, 2048, 0 }, false },
        { { S, 0, 1, 0x4000, 0x8800 }, false },
        { { I, 0, 1, 0x4000, 0x8000 }, false },
        { { D, 0, 1, 0x4000, 1 }, false },
        /* beyond what 32 bits of pages can say */
        { { I, 0, 1, 16 * TIB, 0 }, true },
        { { S, 0, UINT32_MAX, 100 * TIB, 1000 * TIB }, true },
        /* the end of the address space, and one page past it */
        { { I, 0, 1, TOP, 0 }, true },
        { { I, 0, 2, TOP, 0 }, false },
        { { D, 0, UINT32_MAX, TOP - (UINT64_C(0xfffffffe) << 12), 0 }, true },
        { { D, 0, UINT32_MAX, TOP - (UINT64_C(0xfffffffd) << 12), 0 }, false },
        { { S, 0, 2, 0, TOP }, false },
        { { S, 0, 2, TOP, 0 }, false },
        { { S, 0, 1, 0, TOP }, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        const Fields *f = &t[i].f;
        BalloonExtent old, new;
        RequestOp op;

        if (decode(f, &op) != t[i].good) {
            fail_msg("case %zu", i);
        }
        if (!t[i].good) {
            continue;
        }
        old = (BalloonExtent){ f->addr >> 12, f->count };
        new = (BalloonExtent){ f->new_addr >> 12, f->count };
        assert_int_equal(op.type, f->type);
        assert_int_equal(op.leave.n, f->type == I ? 0 : f->count);
        assert_int_equal(op.enter.n, f->type == D ? 0 : f->count);
        if (op.leave.n) {
            assert_memory_equal(&op.leave, &old, sizeof(old));
        }
        if (op.enter.n) {
            assert_memory_equal(&op.enter, f->type == S ? &new : &old, sizeof(old));
        }
    }
}

/* The specification's sentences (4.1.1 to 4.1.3), in numbers that do not wrap. */
static bool allowed(const Fields *f)
{
    const unsigned __int128 end = (unsigned __int128)1 << 64;
    unsigned __int128 bytes = (unsigned __int128)f->count << 12;
    unsigned __int128 a = f->addr, b = f->new_addr;

    if (f->type < I || f->type > S || f->reserved || !f->count || a % 4096 || a + bytes > end) {
        return false;
    }
    if (f->type != S) {
        return !f->new_addr;
    }
    return b % 4096 == 0 && b + bytes <= end && (a + bytes <= b || b + bytes <= a);
}

static uint64_t random_address(void)
{
    switch (model_rand(6)) {
    case 0:
        return 0;
    case 1:
        return TOP - (model_rand(8) << 12);
    case 2:
        return model_rand(UINT64_MAX);
    case 3:
        return 16 * TIB + (model_rand(8) << 12);
    default:
        return (model_rand(16) << 12) + (model_rand(8) ? 0 : model_rand(4096));
    }
}

static void random_operations(void **state)
{
    unsigned good = 0;

    (void)state;
    model_seed();
    for (int i = 0; i < 200000; i++) {
        Fields f = {
            .type = (uint16_t)model_rand(5),
            .reserved = model_rand(16) ? 0 : (uint16_t)model_rand(0x10000),
            .count = (uint32_t)(model_rand(8) ? model_rand(10) : model_rand(UINT32_MAX)),
            .addr = random_address(),
            .new_addr = random_address(),
        };
        RequestOp op;

        assert_int_equal(decode(&f, &op), allowed(&f));
        good += allowed(&f);
    }
    assert_true(good > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(fields),
        cmocka_unit_test(random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
