/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page hinting (VIRTIO 5.5.6.5): while the VM migrates the guest names
 * memory it does not use, and that memory is not sent.
 *
 * Telling the migration takes a lock that its thread holds for up to 50 ms at
 * a time, so a worker in an I/O thread does that and nothing else.  The queue
 * and the protocol stay under the BQL.
 *
 * Locks in order: BQL, run_lock, list_lock.
 */
#ifndef BALLONET_HINTING_H
#define BALLONET_HINTING_H

#include "compat.h"
#include "hw/virtio/virtio.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qemu/queue.h"

/* Ids below are reserved (5.5.6.5); the stock device starts here too. */
#define BALLOON_HINT_ID_FIRST 0x80000000u

/* Where a run of hinting stands.  The values travel in the migration stream. */
enum {
    BALLOON_HINT_STOP = 0,      /* none wanted; pages named before stay with us */
    BALLOON_HINT_REQUESTED = 1, /* the driver is asked to begin under cmd_id */
    BALLOON_HINT_START = 2,     /* it has begun */
    BALLOON_HINT_DONE = 3,      /* it may use all pages again */
};

struct Ballonet;

typedef struct BalloonHintJob {
    VirtQueueElement elem; /* first: virtqueue_pop() allocates the whole */
    VirtQueue *vq;
    uint32_t run;
    bool forgotten;        /* list_lock: by a reset, while the worker was at it */
    QSIMPLEQ_ENTRY(BalloonHintJob) next;
} BalloonHintJob;

typedef QSIMPLEQ_HEAD(BalloonHintList, BalloonHintJob) BalloonHintList;

typedef struct BalloonHinting {
    /* BQL */
    uint32_t cmd_id;
    uint32_t status;
    unsigned with_worker;        /* pieces of guest memory in the jobs that the worker has */
    bool running;                /* buffers are being taken: a kick that comes now is left to it */
    QEMUBH *collect_bh;          /* main loop: jobs come back */
    QEMUBH *work_bh;             /* I/O thread: the worker */
    NotifierWithReturn precopy;  /* called by the migration thread, with the BQL */

    /*
     * run_lock: the worker holds it over each hint; who takes it knows that none is half done.
     * Only with the lock a run is opened; a reset closes it without.
     */
    QemuMutex run_lock;
    bool open;                   /* hints of @run may be applied; atomic */
    uint32_t run;

    /* list_lock: never held for long. */
    QemuMutex list_lock;
    BalloonHintList todo, done;
    BalloonHintJob *current;     /* the worker's, in neither list */
    QemuCond idle;               /* it has none any more */
} BalloonHinting;

/* At instance init and finalize. */
void balloon_hinting_construct(struct Ballonet *s);
void balloon_hinting_destruct(struct Ballonet *s);

/* Only where the feature is offered; the device has an I/O thread then.  Context: BQL held. */
void balloon_hinting_init(struct Ballonet *s);
void balloon_hinting_fini(struct Ballonet *s);

/* Context: BQL held. */
void balloon_hinting_kick(struct Ballonet *s);

/* What the driver reads in free_page_hint_cmd_id.  Context: BQL held. */
uint32_t balloon_hinting_config(const struct Ballonet *s);

/*
 * As the engine's: there may be buffers; the VM stops, and every buffer is
 * answered; the rings are gone, or @vq alone where it is not NULL.
 * Context: BQL held.
 */
void balloon_hinting_wake(struct Ballonet *s);
void balloon_hinting_stop(struct Ballonet *s);
void balloon_hinting_reset(struct Ballonet *s);

/* What came in a migration stream.  Return: 0, or -EINVAL.  Context: BQL held. */
int balloon_hinting_loaded(struct Ballonet *s);

#endif
