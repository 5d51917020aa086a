// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stand-ins for the parts of the driver that are not under test on the device
 * of rig.h (statistics, hinting, reporting, debugfs, when to consolidate), and
 * the kernel's list of OOM notifiers, which has room for one.
 */
#include "debugfs.h"
#include "rig.h"

struct notifier_block *rig_oom;
unsigned int rig_poison_told;
bool rig_exchanging;

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

void balloon_debugfs_add(struct virtio_balloon *vb)
{
	vb->debugfs = NULL;
}

void balloon_debugfs_remove(struct virtio_balloon *vb)
{
	vb->debugfs = NULL;
}

/* The tests decide which blocks are exchanged, and when. */
int consolidate_init(struct consolidate *c, struct virtio_balloon *vb, u32 block_size)
{
	int err = exchange_init(&c->exchange, vb, RIG_BLOCK * PAGE_SIZE);

	if (!err && c->exchange.order)
		err = vacate_init(&c->vacate, vb, c->exchange.order);
	return err;
}

void consolidate_exit(struct consolidate *c)
{
	vacate_exit(&c->vacate);
	exchange_exit(&c->exchange);
}

void consolidate_start(struct consolidate *c)
{
	exchange_stop(&c->exchange, false);
	if (c->exchange.order)
		vacate_stop(&c->vacate, false);
	c->stopped = false;
}

static bool nobody_exchanges(void *arg)
{
	return !rig_exchanging;
}

void consolidate_stop(struct consolidate *c)
{
	c->stopped = true;
	exchange_stop(&c->exchange, true);
	if (c->exchange.order)
		vacate_stop(&c->vacate, true);
	sim_block(nobody_exchanges, NULL, SIM_FOREVER, "an exchange to end");
}

void consolidate_kick(struct consolidate *c)
{
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
