/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a buffer of page operations, against the rules of
 * spec/page-ops.md 4.1 written down once more, in numbers too wide to wrap.
 */
#include <string.h>

#include "bytes.h"
#include "request.h"
#include "virtio_balloon.h"

#define OP_BYTES 24

typedef unsigned __int128 Wide;

static const Wide END = (Wide)1 << 64;

typedef struct Fields {
    uint64_t type, reserved, count, addr, new_addr;
} Fields;

static bool good_range(uint64_t addr, uint64_t count)
{
    return count >= 1 && addr % 4096 == 0 && (Wide)addr + (Wide)count * 4096 <= END;
}

static bool apart(uint64_t a, uint64_t b, uint64_t count)
{
    Wide bytes = (Wide)count * 4096;

    return (Wide)a + bytes <= b || (Wide)b + bytes <= a;
}

static bool allowed(const Fields *f)
{
    if (f->reserved || !good_range(f->addr, f->count)) {
        return false;
    }
    if (f->type == 3) {
        return good_range(f->new_addr, f->count) && apart(f->addr, f->new_addr, f->count);
    }
    return (f->type == 1 || f->type == 2) && !f->new_addr;
}

static void check_range(const BalloonExtent *r, bool there, uint64_t addr, uint64_t count)
{
    CHECK(r->n == (there ? count : 0));
    CHECK(!there || (r->pfn == addr / 4096 && (Wide)r->pfn + r->n <= END / 4096));
}

static void check_op(const uint8_t *bytes)
{
    uint8_t *raw = malloc(OP_BYTES); /* to the byte, for the sanitizer */
    Bytes b = { raw, OP_BYTES };
    Fields f;
    RequestOp op;
    bool good;

    CHECK(raw);
    memcpy(raw, bytes, OP_BYTES);
    f.type = bytes_take(&b, 2);
    f.reserved = bytes_take(&b, 2);
    f.count = bytes_take(&b, 4);
    f.addr = bytes_take(&b, 8);
    f.new_addr = bytes_take(&b, 8);
    good = request_op_decode(raw, &op);
    CHECK(good == allowed(&f));
    if (good) {
        CHECK(op.type == f.type);
        check_range(&op.leave, f.type != 1, f.addr, f.count);
        check_range(&op.enter, f.type != 2, f.type == 3 ? f.new_addr : f.addr, f.count);
    }
    free(raw);
}

static void check_shape(uint64_t readable, uint64_t writable)
{
    uint32_t ops;
    RequestOpsShape shape = request_ops_shape(readable, writable, &ops);
    bool empty = !readable, many = readable / OP_BYTES > REQUEST_OPS_MAX;

    CHECK((shape == REQUEST_OPS_NO_STATUS) == (writable < 8));
    if (writable >= 8) {
        CHECK((shape == REQUEST_OPS_REFUSED) == (empty || many));
        CHECK(empty || many || (shape == REQUEST_OPS_TORN) == (readable % OP_BYTES != 0));
        CHECK(ops == (empty || many ? 0 : readable / OP_BYTES));
    }
    CHECK(ops <= REQUEST_OPS_MAX && ops <= readable / OP_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Bytes b = { data, size };
    uint64_t readable = bytes_number(&b);

    check_shape(readable, bytes_number(&b));
    for (; b.left >= OP_BYTES; b.at += OP_BYTES, b.left -= OP_BYTES) {
        check_op(b.at);
    }
    return 0;
}
