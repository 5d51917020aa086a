/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Discards, one or many at a time, see discard.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include <sys/syscall.h>

#include "discard.h"
#include "trace.h"

void balloon_discard_init(BalloonDiscard *d)
{
    *d = (BalloonDiscard){ .pidfd = -1 };
}

void balloon_discard_fini(BalloonDiscard *d)
{
    if (d->pidfd >= 0) {
        close(d->pidfd);
    }
    balloon_discard_init(d);
}

/*
 * Whether MADV_DONTNEED alone does what ram_block_discard_range() would do:
 * private memory without a file, in the host's ordinary pages.
 */
static bool is_plain(RAMBlock *rb)
{
    return qemu_ram_get_fd(rb) < 0 && !qemu_ram_is_shared(rb) &&
           qemu_ram_pagesize(rb) == qemu_real_host_page_size();
}

/* Linux 5.10 has the call, 6.13 allows this advice, for the caller's own memory alone. */
static ssize_t advise_many(BalloonDiscard *d, const struct iovec *iov, unsigned n)
{
#if defined(SYS_process_madvise) && defined(SYS_pidfd_open)
    /* Not before the first use: QEMU may have gone to the background until then. */
    if (d->pidfd < 0) {
        d->pidfd = syscall(SYS_pidfd_open, getpid(), 0);
    }
    if (d->pidfd >= 0) {
        return syscall(SYS_process_madvise, d->pidfd, iov, (unsigned long)n, MADV_DONTNEED, 0);
    }
#else
    errno = ENOSYS;
#endif
    return -1;
}

/*
 * Gives ranges from @range[*done] on back and moves *done past those that went
 * whole.  Return: 0, also where not all went, or an errno, where none did.
 */
static int discard_many(BalloonDiscard *d, RAMBlock *rb, const BalloonDiscardRange *range,
                        unsigned n, unsigned *done)
{
    struct iovec iov[BALLOON_DISCARD_MAX];
    uint8_t *host = qemu_ram_get_host_addr(rb);
    unsigned i, used = 0;
    ssize_t left;

    for (i = *done; i < n; i++) {
        iov[used++] = (struct iovec){ .iov_base = host + range[i].offset,
                                      .iov_len = range[i].bytes };
    }
    left = advise_many(d, iov, used);
    if (left < 0) {
        return errno;
    }
    for (i = *done; i < n && left >= (ssize_t)range[i].bytes; i++) {
        left -= range[i].bytes;
        trace_ballonet_discard(qemu_ram_get_idstr(rb), range[i].offset, range[i].bytes, 0);
    }
    *done = i;
    return 0;
}

/* In QEMU's own way, which says why where it fails.  Return: whether it went. */
static bool discard_one(RAMBlock *rb, const BalloonDiscardRange *range)
{
    int ret = ram_block_discard_range(rb, range->offset, range->bytes);

    trace_ballonet_discard(qemu_ram_get_idstr(rb), range->offset, range->bytes, ret);
    return !ret;
}

/*
 * Whether a call that failed with @error will never do, where the range that it
 * began with went by itself: without that, EINVAL may mean a locked range.
 */
static bool is_hopeless(int error)
{
    return error == ENOSYS || error == EINVAL || error == EPERM;
}

unsigned balloon_discard(BalloonDiscard *d, RAMBlock *rb, const BalloonDiscardRange *range,
                         unsigned n)
{
    bool many = n > 1 && !d->single && is_plain(rb);
    int64_t t0 = get_clock();
    unsigned done = 0;

    while (done < n) {
        int error = 0;

        if (many && n - done > 1) {
            error = discard_many(d, rb, range, n, &done);
        }
        /* What the call stopped at, or all there is. */
        if (done == n || !discard_one(rb, &range[done])) {
            break;
        }
        done++;
        if (error) {
            /* The rest of these one by one; the next ones together again, if that may help. */
            many = false;
            d->single = is_hopeless(error);
            trace_ballonet_discard_single(error, d->single);
        }
    }
    trace_ballonet_discarded(qemu_ram_get_idstr(rb), done, n, get_clock() - t0);
    return done;
}
