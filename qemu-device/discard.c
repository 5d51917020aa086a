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

/* Return: how many ranges, from the first, were given back whole. */
static unsigned discard_many(BalloonDiscard *d, RAMBlock *rb, const BalloonDiscardRange *range,
                             unsigned n)
{
    struct iovec iov[BALLOON_DISCARD_MAX];
    uint8_t *host = qemu_ram_get_host_addr(rb);
    unsigned i, done = 0;
    ssize_t left;

    for (i = 0; i < n; i++) {
        iov[i] = (struct iovec){ .iov_base = host + range[i].offset,
                                 .iov_len = range[i].bytes };
    }
    left = advise_many(d, iov, n);
    if (left < 0) {
        d->single = true;
        trace_ballonet_discard_single(errno);
        return 0;
    }
    while (done < n && left >= (ssize_t)range[done].bytes) {
        left -= range[done++].bytes;
    }
    return done;
}

unsigned balloon_discard(BalloonDiscard *d, RAMBlock *rb, const BalloonDiscardRange *range,
                         unsigned n)
{
    const char *name = qemu_ram_get_idstr(rb);
    int64_t t0 = get_clock();
    unsigned i, done = 0;

    if (n > 1 && !d->single && is_plain(rb)) {
        done = discard_many(d, rb, range, n);
        for (i = 0; i < done; i++) {
            trace_ballonet_discard(name, range[i].offset, range[i].bytes, 0);
        }
    }
    while (done < n) {
        int ret = ram_block_discard_range(rb, range[done].offset, range[done].bytes);

        trace_ballonet_discard(name, range[done].offset, range[done].bytes, ret);
        if (ret) {
            break;
        }
        done++;
    }
    trace_ballonet_discarded(name, done, n, get_clock() - t0);
    return done;
}
