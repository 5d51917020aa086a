/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory statistics: the stats queue, the timer that asks for fresh
 * figures, and the two properties through which a host user reads them.
 *
 * The driver leaves one buffer with us; handing it back is the question, its
 * return with new figures the answer.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_STATS_H
#define BALLONET_STATS_H

#include "hw/virtio/virtio.h"
#include "qemu/timer.h"
#include "virtio_balloon.h"

struct Ballonet;

/* The standard tags, and after them the private ones. */
#define STATS_NR (VIRTIO_BALLOON_S_NR + VIRTIO_BALLOON_S_PRIVATE_NR)

typedef struct BalloonStats {
    uint64_t value[STATS_NR]; /* UINT64_MAX: the guest did not say */
    int64_t last_update;      /* seconds since the epoch; 0: never */
    int64_t interval;         /* seconds between questions; 0: none are asked */
    QEMUTimer *timer;         /* virtual clock: a stopped guest is not asked */
    VirtQueue *vq;            /* the queue last used; its number depends on the driver */
    VirtQueueElement *elem;   /* the driver's buffer while it is with us */
    bool first;               /* none came yet; a legacy driver's first one is empty */
    bool running;             /* a buffer is being taken */
} BalloonStats;

/*
 * At instance init and finalize: the properties exist, and may have started the
 * timer, without the device ever being realized.
 */
void balloon_stats_properties(struct Ballonet *s);
void balloon_stats_destruct(struct Ballonet *s);

/* The figures are those of nobody from here on. */
void balloon_stats_forget(struct Ballonet *s);

void balloon_stats_fini(struct Ballonet *s);

void balloon_stats_kick(struct Ballonet *s, VirtQueue *vq);

/*
 * The VM runs: takes up the buffer that a migration left popped; @vq may be NULL.
 * Return: whether the device's state is still what it was.
 */
bool balloon_stats_resume(struct Ballonet *s, VirtQueue *vq);

/* After a migration came in: the questions go on. */
void balloon_stats_rearm(struct Ballonet *s);

/* Lets go of the driver's buffer: the ring is reset. */
void balloon_stats_reset(struct Ballonet *s);

#endif
