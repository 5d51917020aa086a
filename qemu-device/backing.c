/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's backing of guest memory, see backing.h.
 *
 * Context of everything here: BQL held.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "backing.h"
#include "thp.h"
#include "trace.h"

#define SETTINGS "/sys/kernel/mm/transparent_hugepage/"

/* The text of a file, NULL where it cannot be read. */
static char *text_of(const char *path)
{
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* Size of a transparent huge page in bytes; 0 where this process gets none. */
static uint64_t huge_page(void)
{
    g_autofree char *text = text_of(SETTINGS "hpage_pmd_size");
    uint64_t size = text ? g_ascii_strtoull(text, NULL, 10) : 0;

#ifdef PR_GET_THP_DISABLE
    /* 3 (Linux 6.18): but for memory that was advised, which guest RAM is. */
    if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1) {
        return 0;
    }
#endif
    return is_power_of_2(size) ? size : 0;
}

/* The setting for huge pages of @size bytes alone: Linux 6.8; for shared memory 6.11. */
static char *sized_text(uint64_t size, const char *name)
{
    g_autofree char *path =
        g_strdup_printf(SETTINGS "hugepages-%" PRIu64 "kB/%s", size / KiB, name);

    return text_of(path);
}

/* Whether shared memory may have huge pages of @size bytes; @fd: its file, -1 for none. */
static bool shared_may(int fd, uint64_t size)
{
    g_autofree char *enabled = text_of(SETTINGS "shmem_enabled");
    g_autofree char *sized = sized_text(size, "shmem_enabled");
    g_autofree char *mounts = text_of("/proc/self/mountinfo");
    const char *mount = NULL;
    char huge[16];
    struct statfs fs;
    struct stat st;

    if (fd >= 0) {
        if (!mounts || fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC || fstat(fd, &st)) {
            return false;
        }
        /* The kernel's own mount, of a memfd, is not listed. */
        if (thp_mount(mounts, major(st.st_dev), minor(st.st_dev), huge, sizeof(huge))) {
            mount = huge;
        }
    }
    return thp_shared(enabled, sized, mount);
}

static bool private_may(uint64_t size)
{
    g_autofree char *enabled = text_of(SETTINGS "enabled");
    g_autofree char *sized = sized_text(size, "enabled");

    return thp_private(enabled, sized);
}

/* The largest block of @rb that the host may hold as one page, bytes. */
static uint64_t block_of(RAMBlock *rb)
{
    uint64_t page = qemu_ram_pagesize(rb), huge = huge_page();
    int fd = qemu_ram_get_fd(rb);
    bool may;

    if (page > qemu_real_host_page_size() || huge <= page) {
        return page; /* hugetlbfs has no other pages */
    }
    if (qemu_ram_is_shared(rb)) {
        may = shared_may(fd, huge);
    } else {
        may = fd < 0 && private_may(huge); /* a private file is copied page by page */
    }
    return may ? huge : page;
}

/* @obj as a memory backend that is in use as guest RAM; NULL: it is none. */
static HostMemoryBackend *mapped(Object *obj)
{
    HostMemoryBackend *backend =
        (HostMemoryBackend *)object_dynamic_cast(obj, TYPE_MEMORY_BACKEND);

    return backend && host_memory_backend_is_mapped(backend) ? backend : NULL;
}

static int count(Object *obj, void *opaque)
{
    *(unsigned *)opaque += mapped(obj) != NULL;
    return 0;
}

unsigned balloon_backing_mapped(void)
{
    unsigned n = 0;

    object_child_foreach(object_get_objects_root(), count, &n);
    return n;
}

static int look(Object *obj, void *opaque)
{
    HostMemoryBackend *backend = mapped(obj);
    BalloonBacking *b = opaque;
    uint64_t page, block;
    RAMBlock *rb;

    if (!backend) {
        return 0;
    }
    rb = host_memory_backend_get_memory(backend)->ram_block;
    page = qemu_ram_pagesize(rb);
    block = block_of(rb);
    trace_ballonet_backing(qemu_ram_get_idstr(rb), page, block);
    b->page = b->page ? MIN(b->page, page) : page;
    b->block = MAX(b->block, block);
    return 0;
}

BalloonBacking balloon_backing(void)
{
    BalloonBacking b = { 0 };

    object_child_foreach(object_get_objects_root(), look, &b);
    b.page = b.page ? b.page : qemu_real_host_page_size();
    b.block = MAX(b.block, b.page);
    return b;
}

bool balloon_backing_suits(uint64_t granularity, Error **errp)
{
    uint64_t least = balloon_backing().page, most = MAX(least, BALLOON_GRANULARITY_MAX);
    g_autofree char *from = size_to_str(least), *to = size_to_str(most);

    if (!granularity) {
        return true;
    }
    if (!is_power_of_2(granularity)) {
        error_setg(errp, "'discard-granularity' must be a power of two");
        return false;
    }
    if (granularity < least) {
        error_setg(errp, "'discard-granularity' must be at least the page size of the guest's "
                   "memory, %s", from);
        return false;
    }
    if (granularity > most) {
        error_setg(errp, "'discard-granularity' must be at most %s", to);
        return false;
    }
    return true;
}
