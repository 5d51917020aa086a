/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host's settings of transparent huge pages say about memory that
 * was advised to have them, as QEMU advises for all guest RAM.  The caller
 * reads the settings (Linux: admin-guide/mm/transhuge.rst, proc(5)); texts
 * are as the kernel shows them, NULL where it has no such file.
 *
 * Pure: no lock, no guest memory, no QEMU type.
 */
#ifndef BALLONET_THP_H
#define BALLONET_THP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Private memory without a file.  @enabled: the setting for all sizes; @sized:
 * that for the size in question, which goes before where it is not "inherit".
 */
bool thp_private(const char *enabled, const char *sized);

/*
 * Shared memory.  @enabled and @sized as above, of shmem; @mount: the huge=
 * option of the tmpfs that the memory is a file in, "" where that has none,
 * NULL for memory that the kernel keeps in a mount of its own.
 */
bool thp_shared(const char *enabled, const char *sized, const char *mount);

/*
 * Looks for a file system by its device number in the text of
 * /proc/self/mountinfo.  @huge receives its huge= option, "" where there is none.
 * Return: whether it is there, and a tmpfs.
 */
bool thp_mount(const char *mountinfo, unsigned major, unsigned minor, char *huge, size_t size);

#endif
