/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device as the driver sees it: one struct virtio_balloon each, made of
 * the parts that the other headers describe.
 *
 * Lock order, outermost first:
 *	gather.lock	(a mutex)
 *	page lock		(the kernel's; only trylock below another lock)
 *	migrate.lock
 *	balloon_pages.lock
 *	resize.lock		(taken in interrupts)
 *	hostcomm.lock
 *	balloon_hinting.lock, balloon_stats.lock	(in interrupts; nest with none)
 * Those of one line are never held together; no lock but the mutex is held over
 * an allocation that may sleep, a wait or a done() callback.
 */
#ifndef BALLONET_BALLOON_H
#define BALLONET_BALLOON_H

#include <linux/notifier.h>
#include <linux/types.h>

#include "balloon_pages.h"
#include "floor.h"
#include "gather.h"
#include "hinting.h"
#include "hostcomm.h"
#include "oom.h"
#include "migrate.h"
#include "reporting.h"
#include "resize.h"
#include "stats.h"
#include "virtio_balloon.h"

struct dentry;
struct virtio_device;

/* The wire counts in 4 KiB units whatever the guest's page size. */
#define BALLOON_UNITS_PER_PAGE	(PAGE_SIZE >> VIRTIO_BALLOON_PFN_SHIFT)

/**
 * struct virtio_balloon - a balloon device
 * @vdev: probe-time only
 * @managed: ballooned pages are taken off the guest's MemTotal; probe-time only
 * @offered: features that the device offered; probe-time only
 * @started: from the end of balloon_start() on; in callbacks of the driver core,
 *	and in @recover with the device locked
 * @recover: looks after a device that was reset, or has to be
 * @reset_next: when it may be reset again, in jiffies; @recover only
 * @hostcomm: requests to the host
 * @pages: which pages are ballooned
 * @migrate: moves asked for by compaction
 * @resize: the way to the target size
 * @gather: gathers the balloon into the host's huge pages
 * @stats: what the host is told of the guest's memory
 * @floor: who looks whether it runs dry
 * @oom: what happens when the guest runs dry
 * @reporting: free memory that is shown to the host
 * @hinting: free memory that a migration passes over
 * @debugfs: this device's folder
 */
struct virtio_balloon {
	struct virtio_device *vdev;
	bool managed;
	u64 offered;
	bool started;
	struct delayed_work recover;
	unsigned long reset_next;
	struct hostcomm hostcomm;
	struct balloon_pages pages;
	struct migrate migrate;
	struct resize resize;
	struct gather gather;
	struct balloon_stats stats;
	struct balloon_floor floor;
	struct balloon_oom oom;
	struct balloon_reporting reporting;
	struct balloon_hinting hinting;
	struct dentry *debugfs;
};

#endif
