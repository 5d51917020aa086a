/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU as the device sees it: everything that differs between 7.2 and later
 * versions is settled here, by the presence of a header where that tells, by
 * version where it does not.  No other file tests a version.
 *
 * Include after "qemu/osdep.h".
 */
#ifndef BALLONET_COMPAT_H
#define BALLONET_COMPAT_H

/* 10.0 moved sysemu/ to system/; 10.2 moves more of it there. */
#if __has_include("system/balloon.h")
#include "system/balloon.h"
#include "system/hostmem.h"
#include "system/iothread.h"
#include "system/runstate.h"
#define BALLONET_QEMU_10 1
#else
#include "sysemu/balloon.h"
#include "sysemu/hostmem.h"
#include "sysemu/iothread.h"
#include "sysemu/runstate.h"
#define BALLONET_QEMU_10 0
#endif

#if __has_include("system/memory.h")
#include "system/memory.h"
#include "system/address-spaces.h"
#include "system/ramblock.h"
#else
#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "exec/ramblock.h"
#endif
#if __has_include("system/physmem.h")
#include "system/physmem.h"
#elif __has_include("system/ram_addr.h")
#include "system/ram_addr.h"
#else
#include "exec/ram_addr.h"
#endif
#include "block/aio-wait.h"
#include "qemu/main-loop.h"
#include "exec/cpu-common.h"
#include "exec/ramlist.h"
#include "migration/misc.h"

#if __has_include("exec/replay-core.h")
#include "exec/replay-core.h"
#else
#include "sysemu/replay.h"
#endif

#if __has_include("hw/core/boards.h")
#include "hw/core/boards.h"
#include "hw/core/qdev-properties.h"
#else
#include "hw/boards.h"
#include "hw/qdev-properties.h"
#endif

#if __has_include("hw/core/resettable.h")
#include "hw/core/resettable.h"
#else
#include "hw/resettable.h"
#endif

/* 10.0 counts the property array and has no end marker. */
#if BALLONET_QEMU_10
#define BALLONET_PROPERTIES static const Property
#define BALLONET_PROPERTIES_END
#else
#define BALLONET_PROPERTIES static Property
#define BALLONET_PROPERTIES_END DEFINE_PROP_END_OF_LIST(),
#endif

/* Arrays in a VMStateDescription became const in 10.0. */
#if BALLONET_QEMU_10
#define BALLONET_VMFIELDS (const VMStateField[])
#define BALLONET_VMSUBSECTIONS (const VMStateDescription *const[])
#else
#define BALLONET_VMFIELDS (VMStateField[])
#define BALLONET_VMSUBSECTIONS (const VMStateDescription *[])
#endif

/*
 * The precopy notifier: a third argument in 10.0, and migrate_postcopy_ram()
 * in a header that others may include.
 */
#if BALLONET_QEMU_10
#include "migration/client-options.h"
#define BALLONET_PRECOPY_NOTIFY(name) \
    static int name(NotifierWithReturn *n, void *data, Error **errp)
#else
#include "migration/migration.h"
#define BALLONET_PRECOPY_NOTIFY(name) static int name(NotifierWithReturn *n, void *data)
#endif

/* 9.0 gave the BQL its name. */
static inline bool ballonet_bql_held(void)
{
#if BALLONET_QEMU_10
    return bql_locked();
#else
    return qemu_mutex_iothread_locked();
#endif
}

/*
 * The migration finds these bytes of @rb written at its next sync.  Only the
 * migration: memory_region_set_dirty() would also tell TCG that there is no
 * code of which it keeps a translation.
 */
static inline void ballonet_set_migration_dirty(RAMBlock *rb, uint64_t offset, uint64_t bytes)
{
#if __has_include("system/physmem.h")
    physical_memory_set_dirty_range(rb->offset + offset, bytes, 1 << DIRTY_MEMORY_MIGRATION);
#else
    cpu_physical_memory_set_dirty_range(rb->offset + offset, bytes, 1 << DIRTY_MEMORY_MIGRATION);
#endif
}

/* 9.1 can give confidential guests memory that the host cannot reach. */
static inline bool ballonet_has_guest_memfd(MemoryRegion *mr)
{
#if BALLONET_QEMU_10
    return memory_region_has_guest_memfd(mr);
#else
    return false;
#endif
}

static inline void ballonet_nothing(void *opaque)
{
}

/* Until what the I/O thread was at is done.  Context: BQL held. */
static inline void ballonet_wait_for_iothread(IOThread *iothread)
{
    AioContext *ctx = iothread_get_aio_context(iothread);

#if !BALLONET_QEMU_10
    aio_context_acquire(ctx); /* 9.0 did away with this lock */
#endif
    aio_wait_bh_oneshot(ctx, ballonet_nothing, NULL);
#if !BALLONET_QEMU_10
    aio_context_release(ctx);
#endif
}

/* 10.1 made the class data const; 10.2 lets set_status fail. */
#if __has_include("system/memory.h")
typedef const void BallonetClassData;
#define BALLONET_SET_STATUS(name, work)                    \
    static int name(VirtIODevice *vdev, uint8_t status)    \
    {                                                      \
        work(BALLONET(vdev), status);                      \
        return 0;                                          \
    }
#else
typedef void BallonetClassData;
#define BALLONET_SET_STATUS(name, work)                    \
    static void name(VirtIODevice *vdev, uint8_t status)   \
    {                                                      \
        work(BALLONET(vdev), status);                      \
    }
#endif

/*
 * 10.0 gave the PCI device interrupt vectors and ioeventfds, with properties
 * that machine types of older versions set; in 7.2 it has neither, and the
 * guest would see the difference.
 */
#if BALLONET_QEMU_10
#define BALLONET_PCI_PROPERTIES                                                              \
    DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, nvectors, DEV_NVECTORS_UNSPECIFIED),       \
    DEFINE_PROP_BIT("ioeventfd", VirtIOPCIProxy, flags, VIRTIO_PCI_FLAG_USE_IOEVENTFD_BIT,   \
                    true),
#else
#define BALLONET_PCI_PROPERTIES
#endif

/*
 * 10.0 forgets the guest's statistics when the machine is reset, but not when
 * it only wakes up.  7.2 shows the old ones until there are others.
 */
#if BALLONET_QEMU_10
#define BALLONET_RESET_FORGETS_STATS(type) ((type) != RESET_TYPE_WAKEUP)
#else
#define BALLONET_RESET_FORGETS_STATS(type) false
#endif

#endif
