/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inflate and deflate queues at work: their buffers change the ledgers
 * chunk by chunk.  Driven by the executor, whose order this serves: inflate
 * buffers are held until what they made fresh is discarded.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_PFNS_H
#define BALLONET_PFNS_H

#include "queue.h"

struct Ballonet;

typedef struct BalloonPfns {
    BalloonBuffer inflate, deflate;             /* being read */
    VirtQueueElement *held[BALLOON_QUEUE_SIZE]; /* inflate buffers that wait for their discards */
    unsigned nheld;
    bool answered;                              /* the driver has not heard of it yet */
    uint64_t gathered;                          /* PFNs in them */
} BalloonPfns;

/*
 * Does and answers the deflates that are queued.
 * Return: whether that was all; false where get_clock() passed @deadline.
 */
bool balloon_pfns_deflate(struct Ballonet *s, int64_t deadline);

/* Takes inflate buffers until there is none, @limit PFNs are held, or @deadline has passed. */
void balloon_pfns_gather(struct Ballonet *s, uint64_t limit, int64_t deadline);

/* Hands back the inflate buffers that are held; as in ops.h, the interrupt comes last. */
void balloon_pfns_answer(struct Ballonet *s);
void balloon_pfns_notify(struct Ballonet *s);

/* Whether nothing is queued, being read or held. */
bool balloon_pfns_idle(struct Ballonet *s);

/* Before the VM stops: reads a half-read inflate buffer to its end, or puts back a long one. */
void balloon_pfns_settle(struct Ballonet *s);

/* The last step of a stop: nothing is left popped. */
void balloon_pfns_answer_settled(struct Ballonet *s);

/* The rings are reset: the driver has forgotten its buffers. */
void balloon_pfns_forget(struct Ballonet *s);

#endif
