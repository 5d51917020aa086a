// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stand-ins for the parts of the driver that are not under test on the device
 * of rig.h (statistics, hinting, reporting, debugfs), and
 * the kernel's list of OOM notifiers, which has room for one.
 */
#include "alloc.h"
#include "debugfs.h"
#include "rig.h"

struct notifier_block *rig_oom;
unsigned int rig_poison_told;

/* The host of fake_host.h looks by itself. */
bool virtqueue_notify(struct virtqueue *vq)
{
	sim_fail("%s is notified", vq->name);
}

void stats_init(struct balloon_stats *st, struct virtio_device *vdev)
{
	st->vdev = vdev;
}

void stats_start(struct balloon_stats *st, struct virtqueue *vq)
{
	sim_check(host.ready, "statistics for a device that is not ready");
	st->vq = vq;
}

void stats_stop(struct balloon_stats *st)
{
	st->stopped = true;
}

void stats_asked(struct virtqueue *vq)
{
	sim_fail("statistics asked for on %s", vq->name);
}

int floor_register(void)
{
	return 0;
}

void floor_unregister(void)
{
}

int floor_init(struct virtio_balloon *vb)
{
	return 0;
}

void floor_exit(struct virtio_balloon *vb)
{
}

int floor_start(struct virtio_balloon *vb)
{
	return 0;
}

void floor_stop(struct virtio_balloon *vb)
{
}

/* One node. */
static unsigned int nodes_order;

int nodes_init(struct nodes *nodes)
{
	nodes->order = &nodes_order;
	nodes_begin(nodes);
	return 0;
}

void nodes_exit(struct nodes *nodes)
{
}

void nodes_begin(struct nodes *nodes)
{
	nodes_order = BALLOON_MAX_ORDER;
}

struct page *nodes_alloc(struct nodes *nodes, u64 max, unsigned long floor)
{
	return chunk_alloc(max, &nodes_order, NUMA_NO_NODE);
}

int hinting_init(struct balloon_hinting *hi, struct virtio_device *vdev)
{
	return 0;
}

void hinting_exit(struct balloon_hinting *hi)
{
}

int hinting_start(struct balloon_hinting *hi, struct virtqueue *vq)
{
	return 0;
}

void hinting_quiesce(struct balloon_hinting *hi)
{
}

void hinting_stop(struct balloon_hinting *hi)
{
}

void hinting_changed(struct balloon_hinting *hi)
{
}

void hinting_answered(struct virtqueue *vq)
{
}

void reporting_init(struct balloon_reporting *rp, struct virtio_device *vdev)
{
}

/* The device may rely on it from DRIVER_OK on, and it must not change then. */
void reporting_tell_poison(struct balloon_reporting *rp)
{
	sim_check(!host.ready, "the poison value is told to a device that runs");
	rig_poison_told++;
}

void reporting_start(struct balloon_reporting *rp, struct virtqueue *vq)
{
	sim_check(host.ready, "free pages are reported to a device that is not ready");
}

void reporting_stop(struct balloon_reporting *rp)
{
}

void reporting_answered(struct virtqueue *vq)
{
}

void balloon_debugfs_init(void)
{
}

void balloon_debugfs_exit(void)
{
}

void balloon_debugfs_add(struct virtio_balloon *vb)
{
	vb->debugfs = NULL;
}

void balloon_debugfs_remove(struct virtio_balloon *vb)
{
	vb->debugfs = NULL;
}

int register_oom_notifier(struct notifier_block *nb)
{
	sim_check(!rig_oom, "an OOM notifier registered twice");
	rig_oom = nb;
	return 0;
}

int unregister_oom_notifier(struct notifier_block *nb)
{
	sim_check(rig_oom == nb, "an OOM notifier unregistered that is not");
	rig_oom = NULL;
	return 0;
}
