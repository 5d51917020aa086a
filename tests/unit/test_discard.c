// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many ranges given back in one call, and what becomes of them where that call
 * fails, for ever or this once, or stops on the way. The test is QEMU's RAM and
 * the kernel below it; tests/qtest/test_discard_many.py has the real ones.
 */
#include "qemu/osdep.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <cmocka.h>

#include "discard.h"

#define PAGE	4096
#define RANGES	20
#define LEN(i)	((1 + (i) % 3) * PAGE)

static uint8_t memory[RANGES * 4 * PAGE];
static BalloonDiscard discard;
static BalloonDiscardRange range[RANGES];
static bool given[RANGES], locked[RANGES];
/* The next calls for many ranges fail so; they end before a range once; pidfd_open fails. */
static int fails_with, no_pidfd;
static unsigned stops_at, stops_after;
static unsigned calls, singles;
static int fd;
static bool shared;

int qemu_ram_get_fd(RAMBlock *rb)
{
    (void)rb;
    return fd;
}

bool qemu_ram_is_shared(RAMBlock *rb)
{
    (void)rb;
    return shared;
}

size_t qemu_ram_pagesize(RAMBlock *rb)
{
    (void)rb;
    return PAGE;
}

size_t qemu_real_host_page_size(void)
{
    return PAGE;
}

const char *qemu_ram_get_idstr(RAMBlock *rb)
{
    (void)rb;
    return "ram";
}

void *qemu_ram_get_host_addr(RAMBlock *rb)
{
    (void)rb;
    return memory;
}

int64_t get_clock(void)
{
    return 0;
}

static unsigned range_at(uint64_t offset, size_t length)
{
    unsigned i = offset / (4 * PAGE);

    assert_in_range(i, 0, RANGES - 1);
    assert_int_equal(offset, range[i].offset);
    assert_int_equal(length, range[i].bytes);
    return i;
}

int ram_block_discard_range(RAMBlock *rb, uint64_t start, size_t length)
{
    unsigned i = range_at(start, length);

    (void)rb;
    singles++;
    if (locked[i]) {
        return -EINVAL;
    }
    given[i] = true;
    return 0;
}

/* As Linux does it: bytes up to what cannot be, an error if that comes first. */
static long madvise_many(const struct iovec *iov, unsigned long n)
{
    long bytes = 0;

    calls++;
    for (unsigned long k = 0; k < n; k++) {
        unsigned i = range_at((uint8_t *)iov[k].iov_base - memory, iov[k].iov_len);

        if (fails_with || (locked[i] && !bytes)) {
            errno = fails_with ? fails_with : EINVAL;
            return -1;
        }
        if (locked[i]) {
            break;
        }
        if (i == stops_at) {
            stops_at = RANGES;
            bytes += stops_after;
            break;
        }
        given[i] = true;
        bytes += iov[k].iov_len;
    }
    return bytes;
}

long fake_syscall(long nr, ...)
{
    const struct iovec *iov;
    unsigned long n;
    va_list ap;

    if (nr == SYS_pidfd_open) {
        errno = no_pidfd;
        return no_pidfd ? -1 : dup(0);
    }
    assert_int_equal(nr, SYS_process_madvise);
    va_start(ap, nr);
    assert_int_equal(va_arg(ap, int), discard.pidfd);
    iov = va_arg(ap, const struct iovec *);
    n = va_arg(ap, unsigned long);
    assert_int_equal(va_arg(ap, int), MADV_DONTNEED);
    va_end(ap);
    return madvise_many(iov, n);
}

static unsigned discard_all(void)
{
    memset(given, 0, sizeof(given));
    calls = singles = 0;
    return balloon_discard(&discard, NULL, range, RANGES);
}

static void assert_given(unsigned n)
{
    for (unsigned i = 0; i < RANGES; i++) {
        assert_int_equal(given[i], i < n);
    }
}

static int open_discard(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RANGES; i++) {
        range[i] = (BalloonDiscardRange){ .offset = i * 4 * PAGE, .bytes = LEN(i) };
    }
    memset(locked, 0, sizeof(locked));
    fails_with = no_pidfd = 0;
    stops_at = RANGES;
    fd = -1;
    shared = false;
    balloon_discard_init(&discard);
    return 0;
}

static int close_discard(void **state)
{
    (void)state;
    balloon_discard_fini(&discard);
    return 0;
}

static void together(void)
{
    assert_int_equal(discard_all(), RANGES);
    assert_given(RANGES);
    assert_int_equal(calls, 1);
    assert_int_equal(singles, 0);
}

static void one_by_one(unsigned after_calls)
{
    assert_int_equal(discard_all(), RANGES);
    assert_given(RANGES);
    assert_int_equal(calls, after_calls);
    assert_int_equal(singles, RANGES);
}

static void test_together(void **state)
{
    (void)state;
    together();
    calls = singles = 0;
    assert_int_equal(balloon_discard(&discard, NULL, range, 1), 1);
    assert_int_equal(calls, 0);
    assert_int_equal(singles, 1);
}

static void test_memory_that_is_not_plain(void **state)
{
    (void)state;
    shared = true;
    one_by_one(0);
    shared = false;
    fd = 5;
    one_by_one(0);
}

/* The host has no such call: found out once. */
static void test_a_host_without_the_call(void **state)
{
    static const int errors[] = { ENOSYS, EINVAL, EPERM };

    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        open_discard(state);
        fails_with = errors[i];
        one_by_one(1);
        fails_with = 0;
        one_by_one(0);
        close_discard(state);
    }
}

/* Errors of a moment: these ranges one by one, the next ones together. */
static void test_errors_that_pass(void **state)
{
    static const int errors[] = { EINTR, ENOMEM, EAGAIN };

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fails_with = errors[i];
        one_by_one(1);
        fails_with = 0;
        together();
    }
}

static void test_no_descriptor_to_spare(void **state)
{
    (void)state;
    no_pidfd = EMFILE;
    one_by_one(0);
    no_pidfd = 0;
    together();
}

/* It goes alone when the call stops at it: what follows goes together again. */
static void test_a_call_that_stops_on_the_way(void **state)
{
    static const unsigned after[] = { 0, 1, PAGE };

    (void)state;
    for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        stops_at = 7;
        stops_after = after[i];
        assert_int_equal(discard_all(), RANGES);
        assert_given(RANGES);
        assert_int_equal(calls, 2);
        assert_int_equal(singles, 1);
        together();
    }
}

/* Reported as any range that the host does not take; also where its EINVAL comes first. */
static void test_a_locked_range(void **state)
{
    static const unsigned at[] = { 0, 1, 7, RANGES - 1 };

    (void)state;
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        locked[at[i]] = true;
        assert_int_equal(discard_all(), at[i]);
        assert_given(at[i]);
        assert_int_equal(calls, 1);
        assert_int_equal(singles, 1);
        locked[at[i]] = false;
        together();
    }
}

#define with_discard(test) cmocka_unit_test_setup_teardown(test, open_discard, close_discard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_discard(test_together),
        with_discard(test_memory_that_is_not_plain),
        with_discard(test_a_host_without_the_call),
        with_discard(test_errors_that_pass),
        with_discard(test_no_descriptor_to_spare),
        with_discard(test_a_call_that_stops_on_the_way),
        with_discard(test_a_locked_range),
    };

    return cmocka_run_group_tests_name("discard", tests, NULL, NULL);
}
