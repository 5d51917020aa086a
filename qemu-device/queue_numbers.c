/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue numbers, see queue_numbers.h.  Pure.
 */
#include <stdbool.h>

#include "queue_numbers.h"
#include "virtio_balloon.h"

/* From the transport's feature bits (VIRTIO 6). */
#define F_VERSION_1 32

/* Queues that come with a feature, in the order of their numbers; they start at number 2. */
static const struct {
    BalloonQueue queue;
    unsigned feature;
} optional[] = {
    { BALLOON_QUEUE_STATS, VIRTIO_BALLOON_F_STATS_VQ },
    { BALLOON_QUEUE_HINT, VIRTIO_BALLOON_F_FREE_PAGE_HINT },
    { BALLOON_QUEUE_REPORTING, VIRTIO_BALLOON_F_REPORTING },
};

#define OPTIONAL (sizeof(optional) / sizeof(optional[0]))
#define FIRST_OPTIONAL 2u

static bool has(uint64_t features, unsigned i)
{
    return features >> optional[i].feature & 1;
}

/* Number of the i-th optional queue where the features in @counted take a number each. */
static unsigned number_of(uint64_t counted, unsigned i)
{
    unsigned n = FIRST_OPTIONAL;

    for (unsigned k = 0; k < i; k++) {
        n += has(counted, k);
    }
    return n;
}

/* The rings a driver sets up that uses @negotiated and numbers by @counted. */
static uint32_t rings_by(uint64_t counted, uint64_t negotiated)
{
    uint32_t rings = 0;

    for (unsigned i = 0; i < OPTIONAL; i++) {
        if (has(negotiated, i)) {
            rings |= UINT32_C(1) << number_of(counted, i);
        }
    }
    return rings;
}

int queue_number_of_ops(uint64_t negotiated)
{
    bool on = negotiated >> VIRTIO_BALLOON_F_PAGE_OPS & 1 && negotiated >> F_VERSION_1 & 1;

    return on ? (int)number_of(negotiated, OPTIONAL) : -1;
}

BalloonQueue queue_by_number(uint64_t offered, uint64_t negotiated, uint32_t rings, unsigned index)
{
    uint64_t counted = offered;
    uint32_t by_us = rings_by(offered, negotiated), by_linux = rings_by(negotiated, negotiated);

    if (index < FIRST_OPTIONAL) {
        return index ? BALLOON_QUEUE_DEFLATE : BALLOON_QUEUE_INFLATE;
    }
    if (queue_number_of_ops(negotiated) == (int)index) {
        return BALLOON_QUEUE_OPS;
    }
    rings &= ~((UINT32_C(1) << FIRST_OPTIONAL) - 1);
    /* A driver with page ops says by the number of their queue how it counts. */
    if (queue_number_of_ops(negotiated) >= 0 || (rings == by_linux && rings != by_us)) {
        counted = negotiated;
    }
    for (unsigned i = 0; i < OPTIONAL; i++) {
        if (has(counted, i) && number_of(counted, i) == index) {
            return optional[i].queue;
        }
    }
    return BALLOON_QUEUE_NONE;
}

int queue_number(uint64_t offered, uint64_t negotiated, uint32_t rings, BalloonQueue queue)
{
    for (unsigned index = 0; index < BALLOON_QUEUES_MAX; index++) {
        if (queue_by_number(offered, negotiated, rings, index) == queue) {
            return (int)index;
        }
    }
    return -1;
}
