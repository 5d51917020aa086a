/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's settings of transparent huge pages, as texts of several
 * versions, against what such a kernel does with memory that was advised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "thp.h"

static void private_memory(void **state)
{
    static const struct {
        const char *enabled, *sized;
        bool may;
    } at[] = {
        { "[always] madvise never\n", NULL, true },
        { "always [madvise] never\n", NULL, true },
        { "always madvise [never]\n", NULL, false },
        { NULL, NULL, false }, /* a kernel without any */
        { "", NULL, false },
        { "always madvise never\n", NULL, false },
        { "always [madvise] never\n", "always [inherit] madvise never\n", true },
        { "always madvise [never]\n", "always [inherit] madvise never\n", false },
        { "always madvise [never]\n", "always inherit [madvise] never\n", true },
        { "always madvise [never]\n", "[always] inherit madvise never\n", true },
        { "[always] madvise never\n", "always inherit madvise [never]\n", false },
        { "[alwaysandmore] madvise never\n", NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(thp_private(at[i].enabled, at[i].sized), at[i].may);
    }
}

#define SHMEM(chosen) "always within_size advise never deny force " chosen "\n"

static void shared_memory(void **state)
{
    static const struct {
        const char *enabled, *sized, *mount;
        bool may;
    } at[] = {
        { SHMEM("[never]"), NULL, NULL, false },
        { SHMEM("[always]"), NULL, NULL, true },
        { SHMEM("[within_size]"), NULL, NULL, true },
        { SHMEM("[advise]"), NULL, NULL, true },
        { SHMEM("[deny]"), NULL, NULL, false },
        { SHMEM("[force]"), NULL, NULL, true },
        { NULL, NULL, NULL, false },
        { SHMEM("[never]"), "always [inherit] advise never\n", NULL, false },
        { SHMEM("[advise]"), "always [inherit] advise never\n", NULL, true },
        { SHMEM("[never]"), "always inherit [advise] never\n", NULL, true },
        { SHMEM("[always]"), "always inherit advise [never]\n", NULL, false },
        { SHMEM("[deny]"), "[always] inherit advise never\n", NULL, false },
        { SHMEM("[force]"), "always inherit advise [never]\n", NULL, true },
        /* a file in a tmpfs: what that was mounted with */
        { SHMEM("[always]"), NULL, "", false },
        { SHMEM("[always]"), NULL, "never", false },
        { SHMEM("[never]"), NULL, "always", true },
        { SHMEM("[never]"), NULL, "within_size", true },
        { SHMEM("[never]"), NULL, "advise", true },
        { SHMEM("[deny]"), NULL, "always", false },
        { SHMEM("[force]"), NULL, "never", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(thp_shared(at[i].enabled, at[i].sized, at[i].mount), at[i].may);
    }
}

static void options_of_a_mount(void **state)
{
    static const char *const text =
        "21 27 0:19 / /sys rw,nosuid shared:6 - sysfs sysfs rw\n"
        "24 27 0:6 / /dev rw - devtmpfs devtmpfs rw,huge=always\n"
        "25 24 0:23 / /dev/shm rw,relatime shared:7 master:2 - tmpfs tmpfs rw,size=8k\n"
        "26 24 0:24 / /run rw,huge=never - tmpfs none rw,huge=within_size,inode64\n"
        "27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,huge=always\n"
        "28 27 0:25 / /a\\040-\\040tmpfs rw - tmpfs huge rw,huge=advise";
    char huge[16];

    (void)state;
    assert_true(thp_mount(text, 0, 23, huge, sizeof(huge)));
    assert_string_equal(huge, "");
    assert_true(thp_mount(text, 0, 24, huge, sizeof(huge)));
    assert_string_equal(huge, "within_size");
    assert_true(thp_mount(text, 0, 25, huge, sizeof(huge)));
    assert_string_equal(huge, "advise");
    assert_false(thp_mount(text, 0, 6, huge, sizeof(huge)));
    assert_false(thp_mount(text, 8, 1, huge, sizeof(huge)));
    assert_false(thp_mount(text, 0, 1, huge, sizeof(huge)));
    assert_false(thp_mount("", 0, 23, huge, sizeof(huge)));
    assert_false(thp_mount(" - tmpfs \n - tmpfs", 0, 23, huge, sizeof(huge)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_memory),
        cmocka_unit_test(shared_memory),
        cmocka_unit_test(options_of_a_mount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
