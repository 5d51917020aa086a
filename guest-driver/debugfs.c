// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of each device for people who look: one "name value" a line, pages
 * in guest pages.  Reads only; nothing depends on it.
 *
 * Locks: those of who owns the numbers, one after the other.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/virtio.h>

#include "debugfs.h"
#include "balloon.h"

static struct dentry *balloon_debugfs_root;

static void state_put(struct seq_file *m, const char *name, u64 value)
{
	seq_printf(m, "%s %llu\n", name, value);
}

static void state_show_pages(struct seq_file *m, struct balloon_pages *bp)
{
	unsigned long listed, whole, isolated, pending, exchanging;

	spin_lock(&bp->lock);
	listed = bp->listed;
	whole = bp->whole;
	isolated = bp->isolated;
	pending = bp->pending;
	exchanging = bp->exchanging;
	spin_unlock(&bp->lock);
	state_put(m, "size", listed + whole + isolated + pending + exchanging);
	state_put(m, "listed", listed);
	state_put(m, "in_blocks", whole);
	state_put(m, "isolated", isolated);
	state_put(m, "pending", pending);
	state_put(m, "exchanging", exchanging);
}

static void state_show_resize(struct seq_file *m, struct resize *rz)
{
	struct resize_policy policy;
	unsigned long flags, inflating;
	u64 refused_pages;

	spin_lock_irqsave(&rz->lock, flags);
	policy = rz->policy;
	inflating = rz->inflating;
	refused_pages = rz->refused_pages;
	spin_unlock_irqrestore(&rz->lock, flags);
	state_put(m, "target", READ_ONCE(rz->target));
	state_put(m, "floor", READ_ONCE(rz->floor));
	state_put(m, "floor_given", READ_ONCE(rz->floor_given));
	state_put(m, "inflating", inflating);
	state_put(m, "backoff_ms", policy.backoff_ms);
	state_put(m, "refused_pages", refused_pages);
}

static void state_show_hostcomm(struct seq_file *m, struct hostcomm *hc)
{
	struct hostcomm_stats stats;
	unsigned int inflight;

	spin_lock(&hc->lock);
	stats = hc->stats;
	inflight = hc->inflight;
	spin_unlock(&hc->lock);
	seq_printf(m, "transport %s\n", hc->ops->name);
	state_put(m, "inflight", inflight);
	state_put(m, "inflate_requests", stats.requests[HOSTCOMM_INFLATE]);
	state_put(m, "inflate_pages", stats.pages[HOSTCOMM_INFLATE]);
	state_put(m, "deflate_requests", stats.requests[HOSTCOMM_DEFLATE]);
	state_put(m, "deflate_pages", stats.pages[HOSTCOMM_DEFLATE]);
	state_put(m, "swap_requests", stats.requests[HOSTCOMM_SWAP]);
	state_put(m, "swap_pages", stats.pages[HOSTCOMM_SWAP]);
	state_put(m, "host_waits", stats.waits);
	state_put(m, "host_refused", stats.refused);
}

static void state_show_migrate(struct seq_file *m, struct migrate *rl)
{
	struct migrate_stats stats;

	spin_lock(&rl->lock);
	stats = rl->stats;
	spin_unlock(&rl->lock);
	state_put(m, "migrated", stats.moved);
	state_put(m, "migrate_busy", stats.busy);
	state_put(m, "migrate_batches", stats.batches);
	state_put(m, "migrate_waits", stats.waits);
	state_put(m, "migrate_refused", stats.refused);
}

static void state_show_gather(struct seq_file *m, struct gather *c)
{
	seq_printf(m, "gather_state %s\n", gather_state_name(c));
	state_put(m, "gathered_blocks", READ_ONCE(c->stats.blocks));
	state_put(m, "evacuated_blocks", READ_ONCE(c->stats.evacuated));
	state_put(m, "gather_failed", READ_ONCE(c->stats.failed));
}

static int state_show(struct seq_file *m, void *unused)
{
	struct virtio_balloon *vb = m->private;

	state_show_pages(m, &vb->pages);
	state_show_resize(m, &vb->resize);
	state_show_hostcomm(m, &vb->hostcomm);
	state_show_migrate(m, &vb->migrate);
	state_show_gather(m, &vb->gather);
	state_put(m, "oom_released", READ_ONCE(vb->oom.released));
	state_put(m, "hinted_pages", READ_ONCE(vb->hinting.hinted));
	state_put(m, "reported_pages", READ_ONCE(vb->reporting.reported));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

void balloon_debugfs_init(void)
{
	balloon_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

void balloon_debugfs_exit(void)
{
	debugfs_remove(balloon_debugfs_root);
}

void balloon_debugfs_add(struct virtio_balloon *vb)
{
	vb->debugfs = debugfs_create_dir(dev_name(&vb->vdev->dev),
					 balloon_debugfs_root);
	debugfs_create_file("state", 0444, vb->debugfs, vb, &state_fops);
}

void balloon_debugfs_remove(struct virtio_balloon *vb)
{
	debugfs_remove(vb->debugfs);
}
