// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches how much memory the guest has available, so that it is given pages of
 * the balloon before it has to reclaim any (VIRTIO_BALLOON_F_DEFLATE_ON_OOM).
 * The kernel tells no module of that in time: shrinkers and OOM notifiers are
 * called when memory is gone.  So each processor looks for itself, by a
 * deferrable timer: one that is idle allocates nothing and is not woken, one
 * that runs looks the more often the less there is, once a tick at most.
 *
 * Locks: none.  A timer and its start and stop run on the processor it is for.
 */
#include <linux/cpuhotplug.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/timer.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "floor.h"

/* A processor takes no more than that in a millisecond. */
#define FLOOR_PAGES_PER_MS	(SZ_4M >> PAGE_SHIFT)
/* Others take some meanwhile, and there are others than this balloon. */
#define FLOOR_PERIOD_MAX_MS	100

/**
 * struct floor_timer - the look of one processor
 * @timer: pinned to it
 * @vb: whose guest; probe-time only
 */
struct floor_timer {
	struct timer_list timer;
	struct virtio_balloon *vb;
};

static enum cpuhp_state floor_cpuhp;

static void floor_look(struct timer_list *timer)
{
	struct floor_timer *ft = container_of(timer, struct floor_timer, timer);
	unsigned long ms = resize_look(&ft->vb->resize) / FLOOR_PAGES_PER_MS;

	ms = min_t(unsigned long, ms, FLOOR_PERIOD_MAX_MS);
	mod_timer(timer, jiffies + max(msecs_to_jiffies(ms), 1UL));
}

static int floor_online(unsigned int cpu, struct hlist_node *node)
{
	struct balloon_floor *fl = hlist_entry(node, struct balloon_floor, node);
	struct floor_timer *ft = per_cpu_ptr(fl->timers, cpu);

	ft->timer.expires = jiffies + 1;
	add_timer_on(&ft->timer, cpu);
	return 0;
}

static int floor_offline(unsigned int cpu, struct hlist_node *node)
{
	struct balloon_floor *fl = hlist_entry(node, struct balloon_floor, node);

	compat_timer_delete_sync(&per_cpu_ptr(fl->timers, cpu)->timer);
	return 0;
}

/**
 * floor_register() - be told of processors that come and go
 *
 * Context: may sleep.  Return: 0 or a negative errno.
 */
int floor_register(void)
{
	int ret = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN,
					  "virtio_balloon:online", floor_online,
					  floor_offline);

	if (ret < 0)
		return ret;
	floor_cpuhp = ret;
	return 0;
}

/**
 * floor_unregister() - undo floor_register()
 *
 * Context: may sleep.
 */
void floor_unregister(void)
{
	cpuhp_remove_multi_state(floor_cpuhp);
}

/**
 * floor_init() - prepare, if the device allows pages to be given
 * @vb: zeroed, with its device
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int floor_init(struct virtio_balloon *vb)
{
	struct balloon_floor *fl = &vb->floor;
	int cpu;

	if (!virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		return 0;
	fl->timers = alloc_percpu(struct floor_timer);
	if (!fl->timers)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct floor_timer *ft = per_cpu_ptr(fl->timers, cpu);

		ft->vb = vb;
		timer_setup(&ft->timer, floor_look, TIMER_DEFERRABLE | TIMER_PINNED);
	}
	return 0;
}

/**
 * floor_exit() - undo floor_init()
 * @vb: stopped; may be one whose init failed
 */
void floor_exit(struct virtio_balloon *vb)
{
	free_percpu(vb->floor.timers);
}

/**
 * floor_start() - look from now on
 * @vb: initialised, resizing may be started
 *
 * Context: may sleep.  Return: 0 or a negative errno.
 */
int floor_start(struct virtio_balloon *vb)
{
	if (!vb->floor.timers)
		return 0;
	return cpuhp_state_add_instance(floor_cpuhp, &vb->floor.node);
}

/**
 * floor_stop() - look no more
 * @vb: started
 *
 * Context: may sleep.
 */
void floor_stop(struct virtio_balloon *vb)
{
	if (vb->floor.timers)
		cpuhp_state_remove_instance(floor_cpuhp, &vb->floor.node);
}
