// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page hinting: when the host announces a run (a command id in the
 * configuration), we take free blocks from the guest and name them, so that
 * the migration passes them over; when it says DONE they go back.
 *
 * A block that was named stays ours until the host has answered for it.  Were
 * it written to before, the host could take the hint for younger than the
 * write, and the migration would lose data.  Once it is answered for, writes
 * are seen as any others, and a guest under pressure gets it back at once
 * (hinting_held.c).
 *
 * Locks: balloon_hinting.lock, taken in interrupts; never held over a wait or
 * a call of the page allocator that may sleep.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "hinting.h"
#include "trace.h"

#define HINTING_BYTES	(PAGE_SIZE << HINTING_ORDER)
#define HINTING_GFP	(__GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)
/* Silence after which a run is given up. */
#define HINTING_TIMEOUT (5 * HZ)

/*
 * To be read after a change only: once a run has begun, QEMU's device shows
 * STOP here, as if it had been ended.
 */
static u32 hinting_wish(struct balloon_hinting *hi)
{
	u32 id;

	virtio_cread_le(hi->vdev, struct virtio_balloon_config,
			free_page_hint_cmd_id, &id);
	return id;
}

/* Takes what the host answered; blocks become free to give back. */
static void hinting_reap(struct balloon_hinting *hi)
{
	unsigned int len;
	void *buf;

	while ((buf = virtqueue_get_buf(hi->vq, &len))) {
		hi->nr_out--;
		if (buf != hi)
			hinting_hold(hi, buf);
	}
}

static bool hinting_dead(struct balloon_hinting *hi)
{
	return READ_ONCE(hi->stopped) || virtqueue_is_broken(hi->vq);
}

/* Waits until at most @max buffers are out. Return: whether that came true. */
static bool hinting_await(struct balloon_hinting *hi, unsigned int max)
{
	hinting_reap(hi);
	while (hi->nr_out > max) {
		unsigned int before = hi->nr_out;

		if (!wait_event_timeout(hi->acked, (hinting_reap(hi), hi->nr_out < before) ||
					hinting_dead(hi), HINTING_TIMEOUT))
			return false;
		if (hinting_dead(hi))
			return false;
	}
	return true;
}

static int hinting_sent(struct balloon_hinting *hi, int err)
{
	if (err)
		return err;
	hi->nr_out++;
	virtqueue_kick(hi->vq);
	return 0;
}

/* Return: 0 or a negative errno. */
static int hinting_send_block(struct balloon_hinting *hi, struct page *page)
{
	struct scatterlist sg;

	sg_init_table(&sg, 1);
	sg_set_page(&sg, page, HINTING_BYTES, 0);
	return hinting_sent(hi, virtqueue_add_inbuf(hi->vq, &sg, 1, page, GFP_ATOMIC));
}

/* Return: 0 or a negative errno. */
static int hinting_send_id(struct balloon_hinting *hi, __virtio32 *wire, u32 id)
{
	struct scatterlist sg;

	*wire = cpu_to_virtio32(hi->vdev, id);
	trace_virtio_balloon_hint(id, hi->hinted);
	sg_init_one(&sg, wire, sizeof(*wire));
	return hinting_sent(hi, virtqueue_add_outbuf(hi->vq, &sg, 1, hi, GFP_ATOMIC));
}

/* Whether the host still wants what it asked for; other fields may have changed. */
static bool hinting_wanted(struct balloon_hinting *hi, u32 id)
{
	if (!atomic_xchg(&hi->changed, 0) || hinting_wish(hi) == id)
		return true;
	atomic_set(&hi->changed, 1);
	return false;
}

/*
 * Names free blocks until there are no more, or the host wants no more.  The
 * place for the STOP is kept free: a slow host is told of the end, too.
 */
static void hinting_run(struct balloon_hinting *hi, u32 id)
{
	unsigned int room = virtqueue_get_vring_size(hi->vq) - 1;
	struct page *page;

	if (!hinting_await(hi, 0) || hinting_send_id(hi, &hi->wire_id, id))
		return;
	while (hinting_await(hi, room - 1) && hinting_wanted(hi, id)) {
		page = alloc_pages(HINTING_GFP, HINTING_ORDER);
		if (!page)
			break;
		list_add(&page->lru, &hi->out);
		if (hinting_send_block(hi, page)) {
			list_del(&page->lru);
			__free_pages(page, HINTING_ORDER);
			break;
		}
		cond_resched();
	}
	if (!hinting_dead(hi))
		hinting_send_id(hi, &hi->wire_stop, VIRTIO_BALLOON_CMD_ID_STOP);
}

static void hinting_work(struct work_struct *work)
{
	struct balloon_hinting *hi = container_of(work, struct balloon_hinting, work);
	u32 id;

	/* What a slow host answers after the end of its migration goes back, too. */
	hinting_reap(hi);
	if (hi->seen == VIRTIO_BALLOON_CMD_ID_DONE)
		hinting_release(hi, ULONG_MAX);
	/* The target may change while a run goes on: until it is fulfilled. */
	while (atomic_xchg(&hi->changed, 0) && !hinting_dead(hi)) {
		id = hinting_wish(hi);
		if (id == hi->seen)
			continue;
		hi->seen = id;
		if (id != VIRTIO_BALLOON_CMD_ID_STOP) {
			/* A migration ended, or a new one begins afresh. */
			hinting_await(hi, 0);
			hinting_release(hi, ULONG_MAX);
		}
		if (id > VIRTIO_BALLOON_CMD_ID_DONE)
			hinting_run(hi, id);
	}
}

static void hinting_kick(struct balloon_hinting *hi)
{
	unsigned long flags;

	spin_lock_irqsave(&hi->lock, flags);
	if (!hi->stopped)
		queue_work(hi->wq, &hi->work);
	spin_unlock_irqrestore(&hi->lock, flags);
}

/**
 * hinting_changed() - the host may have announced a run, or its end
 * @hi: initialised
 *
 * Context: any, interrupts too.
 */
void hinting_changed(struct balloon_hinting *hi)
{
	atomic_set(&hi->changed, 1);
	hinting_kick(hi);
}

/**
 * hinting_answered() - virtqueue callback of free_page_vq
 * @vq: free_page_vq
 *
 * Context: interrupt.
 */
void hinting_answered(struct virtqueue *vq)
{
	struct virtio_balloon *vb = vq->vdev->priv;

	wake_up(&vb->hinting.acked);
	hinting_kick(&vb->hinting);
}

/**
 * hinting_init() - prepare, without a queue yet
 * @hi: zeroed
 * @vdev: the device
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int hinting_init(struct balloon_hinting *hi, struct virtio_device *vdev)
{
	hi->vdev = vdev;
	hi->stopped = true;
	spin_lock_init(&hi->lock);
	INIT_LIST_HEAD(&hi->out);
	hinting_held_init(hi);
	INIT_WORK(&hi->work, hinting_work);
	init_waitqueue_head(&hi->acked);
	hi->wq = alloc_workqueue("virtio_balloon_hint", WQ_FREEZABLE | WQ_UNBOUND, 0);
	return hi->wq ? 0 : -ENOMEM;
}

/**
 * hinting_exit() - undo hinting_init()
 * @hi: stopped; may be one whose init failed
 */
void hinting_exit(struct balloon_hinting *hi)
{
	if (hi->wq)
		destroy_workqueue(hi->wq);
}

/**
 * hinting_start() - look out for migrations
 * @hi: initialised or stopped
 * @vq: free_page_vq, or NULL
 *
 * Context: may sleep.  Return: 0, -ENOSPC if the queue cannot hold a command
 * id and a block, or another negative errno.
 */
int hinting_start(struct balloon_hinting *hi, struct virtqueue *vq)
{
	unsigned long flags;
	int err;

	hi->vq = vq;
	if (!vq)
		return 0;
	if (virtqueue_get_vring_size(vq) < 2)
		return -ENOSPC;
	err = hinting_held_start(hi);
	if (err)
		return err;
	hi->seen = VIRTIO_BALLOON_CMD_ID_STOP;
	spin_lock_irqsave(&hi->lock, flags);
	hi->stopped = false;
	spin_unlock_irqrestore(&hi->lock, flags);
	return 0;
}

/**
 * hinting_quiesce() - name no more blocks
 * @hi: started
 *
 * Context: may sleep, until the work has noticed.
 */
void hinting_quiesce(struct balloon_hinting *hi)
{
	unsigned long flags;

	spin_lock_irqsave(&hi->lock, flags);
	hi->stopped = true;
	spin_unlock_irqrestore(&hi->lock, flags);
	wake_up(&hi->acked);
	cancel_work_sync(&hi->work);
}

/**
 * hinting_stop() - give all blocks back
 * @hi: quiesced; the device was reset
 *
 * Context: may sleep.
 */
void hinting_stop(struct balloon_hinting *hi)
{
	if (!hi->vq)
		return;
	hinting_held_stop(hi);
	while (virtqueue_detach_unused_buf(hi->vq))
		;
	list_splice_init(&hi->out, &hi->held);
	hi->nr_out = 0;
	hinting_release(hi, ULONG_MAX);
	hi->nr_held = 0;
	hi->vq = NULL;
}
