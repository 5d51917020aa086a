/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue numbers, see role.h.  Pure.
 */
#include <stdbool.h>

#include "role.h"
#include "virtio_balloon.h"

/* From the transport's feature bits (VIRTIO 6). */
#define F_VERSION_1 32

/* Queues that come with a feature, in the order of their numbers; they start at number 2. */
static const struct {
    BalloonRole role;
    unsigned feature;
} optional[] = {
    { BALLOON_ROLE_STATS, VIRTIO_BALLOON_F_STATS_VQ },
    { BALLOON_ROLE_HINT, VIRTIO_BALLOON_F_FREE_PAGE_HINT },
    { BALLOON_ROLE_REPORTING, VIRTIO_BALLOON_F_REPORTING },
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

int role_ops_queue(uint64_t negotiated)
{
    bool on = negotiated >> VIRTIO_BALLOON_F_PAGE_OPS & 1 && negotiated >> F_VERSION_1 & 1;

    return on ? (int)number_of(negotiated, OPTIONAL) : -1;
}

BalloonRole role_of_queue(uint64_t offered, uint64_t negotiated, uint32_t rings, unsigned index)
{
    uint64_t counted = offered;
    uint32_t by_us = rings_by(offered, negotiated), by_linux = rings_by(negotiated, negotiated);

    if (index < FIRST_OPTIONAL) {
        return index ? BALLOON_ROLE_DEFLATE : BALLOON_ROLE_INFLATE;
    }
    if (role_ops_queue(negotiated) == (int)index) {
        return BALLOON_ROLE_OPS;
    }
    rings &= ~((UINT32_C(1) << FIRST_OPTIONAL) - 1);
    /* A driver with page ops says by the number of their queue how it counts. */
    if (role_ops_queue(negotiated) >= 0 || (rings == by_linux && rings != by_us)) {
        counted = negotiated;
    }
    for (unsigned i = 0; i < OPTIONAL; i++) {
        if (has(counted, i) && number_of(counted, i) == index) {
            return optional[i].role;
        }
    }
    return BALLOON_ROLE_NONE;
}

int role_queue(uint64_t offered, uint64_t negotiated, uint32_t rings, BalloonRole role)
{
    for (unsigned index = 0; index < BALLOON_ROLE_QUEUES_MAX; index++) {
        if (role_of_queue(offered, negotiated, rings, index) == role) {
            return (int)index;
        }
    }
    return -1;
}
