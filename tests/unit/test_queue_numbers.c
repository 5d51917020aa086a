/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue numbers: every mix of offered and negotiated features, numbered the
 * way Linux does it and the way that follows what the device offers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue_numbers.h"
#include "virtio_balloon.h"

static const unsigned bit[3] = {
    VIRTIO_BALLOON_F_STATS_VQ,
    VIRTIO_BALLOON_F_FREE_PAGE_HINT,
    VIRTIO_BALLOON_F_REPORTING,
};

static uint64_t features(unsigned set)
{
    uint64_t f = UINT64_C(1) << 32 | 1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;

    for (unsigned i = 0; i < 3; i++) {
        f |= (uint64_t)(set >> i & 1) << bit[i];
    }
    return f;
}

/* Numbers the queues of @used by counting @counted, and checks that each is understood. */
static void understood(unsigned offered, unsigned used, unsigned counted)
{
    uint32_t rings = 3;
    unsigned n = 2;
    int number[3] = { -1, -1, -1 };

    for (unsigned i = 0; i < 3; i++) {
        if (counted >> i & 1) {
            if (used >> i & 1) {
                number[i] = (int)n;
                rings |= 1u << n;
            }
            n++;
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        if (number[i] >= 0) {
            BalloonQueue queue = queue_by_number(features(offered), features(used), rings,
                                             (unsigned)number[i]);

            assert_int_equal(queue, BALLOON_QUEUE_STATS + i);
            assert_int_equal(queue_number(features(offered), features(used), rings, queue),
                             number[i]);
        }
    }
    assert_int_equal(queue_by_number(features(offered), features(used), rings, 0),
                     BALLOON_QUEUE_INFLATE);
    assert_int_equal(queue_by_number(features(offered), features(used), rings, 1),
                     BALLOON_QUEUE_DEFLATE);
}

static void every_subset(void **state)
{
    (void)state;
    for (unsigned offered = 0; offered < 8; offered++) {
        for (unsigned used = 0; used < 8; used++) {
            if (!(used & ~offered)) {
                understood(offered, used, used);    /* Linux */
                understood(offered, used, offered); /* QEMU, as offered */
            }
        }
    }
}

/* Page ops: behind whatever was negotiated, whatever was offered; with VERSION_1 only. */
static void ops_queue(void **state)
{
    const uint64_t ops = UINT64_C(1) << VIRTIO_BALLOON_F_PAGE_OPS;

    (void)state;
    for (unsigned offered = 0; offered < 8; offered++) {
        for (unsigned used = 0; used < 8; used++) {
            uint64_t negotiated = features(used) | ops;
            unsigned n = 2;

            if (used & ~offered) {
                continue;
            }
            for (unsigned i = 0; i < 3; i++) {
                if (used >> i & 1) {
                    /* The others are numbered the same way then, also before there are rings. */
                    assert_int_equal(queue_by_number(features(offered) | ops, negotiated, 3, n),
                                     BALLOON_QUEUE_STATS + i);
                    n++;
                }
            }
            assert_int_equal(queue_number_of_ops(negotiated), n);
            assert_int_equal(queue_by_number(features(offered) | ops, negotiated, 0x3f, n),
                             BALLOON_QUEUE_OPS);
            assert_int_equal(queue_number(features(offered) | ops, negotiated, 0x3f,
                                        BALLOON_QUEUE_OPS), n);
            assert_int_equal(queue_number_of_ops(features(used)), -1);
            assert_int_equal(queue_number_of_ops(negotiated & ~(UINT64_C(1) << 32)), -1);
        }
    }
}

static void no_such_queue(void **state)
{
    (void)state;
    assert_int_equal(queue_by_number(features(1), features(1), 7, 3), BALLOON_QUEUE_NONE);
    assert_int_equal(queue_by_number(features(7), features(7), 31, 5), BALLOON_QUEUE_NONE);
    assert_int_equal(queue_number(features(1), features(1), 7, BALLOON_QUEUE_REPORTING), -1);
}

/* Before the features are settled, and for drivers of long ago that settle none. */
static void without_negotiation(void **state)
{
    (void)state;
    assert_int_equal(queue_by_number(features(7), 0, 7, 2), BALLOON_QUEUE_STATS);
    assert_int_equal(queue_by_number(features(5), 0, 0, 3), BALLOON_QUEUE_REPORTING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subset),
        cmocka_unit_test(ops_queue),
        cmocka_unit_test(no_such_queue),
        cmocka_unit_test(without_negotiation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
