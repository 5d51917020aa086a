/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker of free page hinting, see hintwork.h.
 *
 * Thread: work() runs in the I/O thread without the BQL; all else with the
 * BQL held.  Locks in order: run_lock, list_lock.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "exec/target_page.h"
#include "migration/misc.h"
#include "balloon.h"
#include "hintwork.h"
#include "trace.h"

/* Jobs done before the I/O thread's other users have their turn. */
#define WORK_MAX 32

/* Context: run_lock held. */
static void apply(BalloonHinting *h, const BalloonHintJob *job)
{
    size_t page = MAX(qemu_target_page_size(), VIRTIO_BALLOON_PFN_SIZE);

    if (!h->open || job->run != h->run) {
        trace_ballonet_hint_stale(job->run, h->run);
        return;
    }
    for (unsigned i = 0; i < job->elem.in_num; i++) {
        /* Whole pages alone: the rest of a page hinted in part is in use. */
        uintptr_t start = ROUND_UP((uintptr_t)job->elem.in_sg[i].iov_base, page);
        uintptr_t end = QEMU_ALIGN_DOWN(
            (uintptr_t)job->elem.in_sg[i].iov_base + job->elem.in_sg[i].iov_len, page);

        if (start < end) {
            trace_ballonet_hint(job->elem.in_addr[i], end - start);
            qemu_guest_free_page_hint((void *)start, end - start);
        }
    }
}

static void work(void *opaque)
{
    Ballonet *s = opaque;
    BalloonHinting *h = &s->hinting;

    for (unsigned i = 0; i < WORK_MAX; i++) {
        QEMU_LOCK_GUARD(&h->run_lock);
        BalloonHintJob *job;

        WITH_QEMU_LOCK_GUARD(&h->list_lock) {
            job = QSIMPLEQ_FIRST(&h->todo);
            if (job) {
                QSIMPLEQ_REMOVE_HEAD(&h->todo, next);
            }
        }
        if (!job) {
            return;
        }
        apply(h, job);
        WITH_QEMU_LOCK_GUARD(&h->list_lock) {
            QSIMPLEQ_INSERT_TAIL(&h->done, job, next);
        }
        qemu_bh_schedule(h->collect_bh);
    }
    qemu_bh_schedule(h->work_bh);
}

void balloon_hintwork_add(BalloonHinting *h, BalloonHintJob *job)
{
    QEMU_LOCK_GUARD(&h->list_lock);
    QSIMPLEQ_INSERT_TAIL(&h->todo, job, next);
}

BalloonHintJob *balloon_hintwork_finished(BalloonHinting *h)
{
    QEMU_LOCK_GUARD(&h->list_lock);
    BalloonHintJob *job = QSIMPLEQ_FIRST(&h->done);

    if (job) {
        QSIMPLEQ_REMOVE_HEAD(&h->done, next);
    }
    return job;
}

void balloon_hintwork_open(BalloonHinting *h, uint32_t run)
{
    QEMU_LOCK_GUARD(&h->run_lock);
    h->open = true;
    h->run = run;
}

void balloon_hintwork_close(BalloonHinting *h)
{
    QEMU_LOCK_GUARD(&h->run_lock);
    h->open = false;
}

void balloon_hintwork_stop(BalloonHinting *h)
{
    /* A job is taken off the list under run_lock only: none is in between. */
    QEMU_LOCK_GUARD(&h->run_lock);
    QEMU_LOCK_GUARD(&h->list_lock);
    QSIMPLEQ_CONCAT(&h->done, &h->todo);
}

void balloon_hintwork_init(Ballonet *s)
{
    object_ref(OBJECT(s->iothread));
    s->hinting.work_bh = aio_bh_new(iothread_get_aio_context(s->iothread), work, s);
}

void balloon_hintwork_fini(Ballonet *s)
{
    /* A worker that still runs finds its list empty; wait until it has looked. */
    qemu_bh_delete(s->hinting.work_bh);
    ballonet_wait_for_iothread(s->iothread);
    object_unref(OBJECT(s->iothread));
}

void balloon_hintwork_construct(BalloonHinting *h)
{
    qemu_mutex_init(&h->run_lock);
    qemu_mutex_init(&h->list_lock);
    QSIMPLEQ_INIT(&h->todo);
    QSIMPLEQ_INIT(&h->done);
}

void balloon_hintwork_destruct(BalloonHinting *h)
{
    qemu_mutex_destroy(&h->run_lock);
    qemu_mutex_destroy(&h->list_lock);
}
