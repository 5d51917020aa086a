// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics: the driver hands the device one filled buffer; each time the
 * device returns it, it asks for a new filling (VIRTIO 1.4, 5.5.6.3.1).
 *
 * Locks: balloon_stats.lock, taken in interrupts.  Gathering may sleep, so it
 * is done by a work item.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/swap.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/vmstat.h>

#include "balloon.h"
#include "stats.h"

static void stats_put(struct balloon_stats *st, unsigned int *nr, u16 tag, u64 val)
{
	struct virtio_balloon_stat *stat = &st->stat[(*nr)++];

	stat->tag = cpu_to_virtio16(st->vdev, tag);
	stat->val = cpu_to_virtio64(st->vdev, val);
}

static u64 stats_bytes(u64 pages)
{
	return pages << PAGE_SHIFT;
}

/* What the kernel counts of all zones, one event a zone. */
static u64 stats_alloc_stalls(const unsigned long *events)
{
	u64 sum = 0;
	int zone;

	for (zone = 0; zone <= ZONE_MOVABLE; zone++)
		sum += events[ALLOCSTALL_NORMAL - ZONE_NORMAL + zone];
	return sum;
}

static void stats_put_events(struct balloon_stats *st, unsigned int *nr)
{
	unsigned long *ev = st->events;

	if (!IS_ENABLED(CONFIG_VM_EVENT_COUNTERS))
		return;
	all_vm_events(ev);
	stats_put(st, nr, VIRTIO_BALLOON_S_SWAP_IN, stats_bytes(ev[PSWPIN]));
	stats_put(st, nr, VIRTIO_BALLOON_S_SWAP_OUT, stats_bytes(ev[PSWPOUT]));
	stats_put(st, nr, VIRTIO_BALLOON_S_MAJFLT, ev[PGMAJFAULT]);
	stats_put(st, nr, VIRTIO_BALLOON_S_MINFLT, ev[PGFAULT]);
	stats_put(st, nr, VIRTIO_BALLOON_S_OOM_KILL, ev[OOM_KILL]);
	stats_put(st, nr, VIRTIO_BALLOON_S_ALLOC_STALL, stats_alloc_stalls(ev));
	stats_put(st, nr, VIRTIO_BALLOON_S_SCAN_ASYNC,
		  stats_bytes(ev[PGSCAN_KSWAPD]));
	stats_put(st, nr, VIRTIO_BALLOON_S_SCAN_DIRECT,
		  stats_bytes(ev[PGSCAN_DIRECT]));
	stats_put(st, nr, VIRTIO_BALLOON_S_RECLAIM_ASYNC,
		  stats_bytes(ev[PGSTEAL_KSWAPD]));
	stats_put(st, nr, VIRTIO_BALLOON_S_RECLAIM_DIRECT,
		  stats_bytes(ev[PGSTEAL_DIRECT]));
#ifdef CONFIG_HUGETLB_PAGE
	stats_put(st, nr, VIRTIO_BALLOON_S_HTLB_PGALLOC, ev[HTLB_BUDDY_PGALLOC]);
	stats_put(st, nr, VIRTIO_BALLOON_S_HTLB_PGFAIL,
		  ev[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
}

/*
 * What the host needs to know what the guest can spare (statistics-tags.md).  The
 * kernel exports no totals of pressure stalls to modules: those are left out.
 */
static void stats_put_private(struct balloon_stats *st, unsigned int *nr)
{
	static const struct {
		u16 tag;
		enum node_stat_item item;
	} pages[] = {
		{ VIRTIO_BALLOON_S_ACTIVE_ANON, NR_ACTIVE_ANON },
		{ VIRTIO_BALLOON_S_INACTIVE_ANON, NR_INACTIVE_ANON },
		{ VIRTIO_BALLOON_S_ACTIVE_FILE, NR_ACTIVE_FILE },
		{ VIRTIO_BALLOON_S_INACTIVE_FILE, NR_INACTIVE_FILE },
		{ VIRTIO_BALLOON_S_REFAULT_ANON, WORKINGSET_REFAULT_ANON },
		{ VIRTIO_BALLOON_S_REFAULT_FILE, WORKINGSET_REFAULT_FILE },
	};
	struct virtio_balloon *vb = st->vdev->priv;
	unsigned int i;

	stats_put(st, nr, VIRTIO_BALLOON_S_SEQUENCE, ++st->sequence);
	stats_put(st, nr, VIRTIO_BALLOON_S_BALLOON, stats_bytes(pages_size(&vb->pages)));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		stats_put(st, nr, pages[i].tag,
			  stats_bytes(global_node_page_state(pages[i].item)));
}

/* Return: statistics gathered. */
static unsigned int stats_gather(struct balloon_stats *st)
{
	unsigned int nr = 0;
	struct sysinfo info;

	stats_put_events(st, &nr);
	si_meminfo(&info);
	stats_put(st, &nr, VIRTIO_BALLOON_S_MEMFREE, stats_bytes(info.freeram));
	stats_put(st, &nr, VIRTIO_BALLOON_S_MEMTOT, stats_bytes(info.totalram));
	stats_put(st, &nr, VIRTIO_BALLOON_S_AVAIL,
		  stats_bytes(max(si_mem_available(), 0L)));
	stats_put(st, &nr, VIRTIO_BALLOON_S_CACHES,
		  stats_bytes(global_node_page_state(NR_FILE_PAGES)));
	stats_put_private(st, &nr);
	return nr;
}

static void stats_send(struct balloon_stats *st)
{
	unsigned int nr = stats_gather(st);
	struct scatterlist sg;

	sg_init_one(&sg, st->stat, nr * sizeof(st->stat[0]));
	if (!virtqueue_add_outbuf(st->vq, &sg, 1, st, GFP_KERNEL))
		virtqueue_kick(st->vq);
}

static void stats_work(struct work_struct *work)
{
	struct balloon_stats *st = container_of(work, struct balloon_stats, work);
	unsigned int len;

	if (virtqueue_get_buf(st->vq, &len))
		stats_send(st);
}

/**
 * stats_asked() - virtqueue callback of statsq
 * @vq: statsq
 *
 * Context: interrupt.
 */
void stats_asked(struct virtqueue *vq)
{
	struct virtio_balloon *vb = vq->vdev->priv;
	struct balloon_stats *st = &vb->stats;
	unsigned long flags;

	spin_lock_irqsave(&st->lock, flags);
	if (!st->stopped)
		queue_work(system_freezable_wq, &st->work);
	spin_unlock_irqrestore(&st->lock, flags);
}

/**
 * stats_init() - prepare, without a queue yet
 * @st: zeroed
 * @vdev: the device
 */
void stats_init(struct balloon_stats *st, struct virtio_device *vdev)
{
	st->vdev = vdev;
	st->stopped = true;
	spin_lock_init(&st->lock);
	INIT_WORK(&st->work, stats_work);
}

/**
 * stats_start() - hand the device its first buffer
 * @st: initialised or stopped
 * @vq: statsq, or NULL
 *
 * Context: may sleep; the device is ready.
 */
void stats_start(struct balloon_stats *st, struct virtqueue *vq)
{
	st->vq = vq;
	if (!vq)
		return;
	stats_send(st);
	spin_lock_irq(&st->lock);
	st->stopped = false;
	spin_unlock_irq(&st->lock);
	/* The device may have asked in between. */
	queue_work(system_freezable_wq, &st->work);
}

/**
 * stats_stop() - no answers any more
 * @st: initialised
 *
 * Context: may sleep.
 */
void stats_stop(struct balloon_stats *st)
{
	spin_lock_irq(&st->lock);
	st->stopped = true;
	spin_unlock_irq(&st->lock);
	cancel_work_sync(&st->work);
}
