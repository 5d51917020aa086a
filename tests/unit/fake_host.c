// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queues of fake_host.h, and when they are answered.  Its two ops tables bear
 * the names of the driver's own, so that the driver's probe takes them; they are
 * linked in their place.  What requests say is in fake_wire.c.
 */
#include <linux/mm.h>
#include <linux/virtio.h>

#include "fake_wire.h"

struct fake_host host;

static void interrupt(enum hostcomm_vq vq)
{
	bool before = sim_current->in_irq;

	if (!host.vq[vq].callback)
		return;
	sim_current->in_irq = true;
	host.interrupts++;
	host.vq[vq].callback(&host.vq[vq]);
	host.interrupts--;
	sim_current->in_irq = before;
}

static void decide(struct fake_slot *slot)
{
	unsigned int ops;

	slot->acked = slot->rq->pages;
	if (host.not_ram[0] && slot->rq->op == HOSTCOMM_INFLATE && slot->rq->hc->ops->swap) {
		ops = fake_wire_ops_before(slot->rq, host.not_ram[0], host.not_ram[1]);
		if (ops < fake_wire_ops(slot->rq)) {
			slot->err = -EFAULT;
			slot->acked = fake_wire_pages(slot->rq, ops);
			host.not_ram_asked += fake_wire_frames_of(slot->rq, ops, host.not_ram[0],
								  host.not_ram[1]);
			return;
		}
	}
	if (!host.refuse || host.refuse_op != slot->rq->op ||
	    host.refuse_after >= fake_wire_ops(slot->rq))
		return;
	host.refuse--;
	slot->err = host.refuse_err;
	slot->acked = fake_wire_pages(slot->rq, host.refuse_after);
}

static void answer_next(enum hostcomm_vq vq)
{
	decide(&host.ring[vq][host.answered[vq]++]);
}

static int fake_post(struct hostcomm_request *rq)
{
	bool swap = rq->hc->ops->swap;
	enum hostcomm_vq vq = swap ? HOSTCOMM_VQ_OPS : (enum hostcomm_vq)rq->op;

	sim_assert_held(&rq->hc->lock);
	sim_check(swap || rq->op != HOSTCOMM_SWAP, "a swap on the standard queues");
	sim_check(rq->hc->vqs[vq] == &host.vq[vq], "a post to a queue that is not there");
	sim_check(rq->pages && rq->pages <= rq->max_pages, "a request of %u pages", rq->pages);
	if (host.nr[vq] >= host.room)
		return -ENOSPC;
	for (unsigned int i = 0; i < host.nr[vq]; i++)
		sim_check(host.ring[vq][i].rq != rq, "a request posted twice");
	host.ring[vq][host.nr[vq]++] = (struct fake_slot){ .rq = rq };
	/* After a reset nobody reads it: it will be detached. */
	if (!host.ready)
		return 0;
	fake_wire_sent(rq);
	host.posts[rq->op]++;
	host.pages[rq->op] += rq->pages;
	if (host.at_once) {
		while (host.answered[vq] < host.nr[vq])
			answer_next(vq);
		interrupt(vq);
	}
	return 0;
}

static struct fake_slot take_first(enum hostcomm_vq vq)
{
	struct fake_slot slot = host.ring[vq][0];

	host.nr[vq]--;
	memmove(host.ring[vq], host.ring[vq] + 1, host.nr[vq] * sizeof(slot));
	return slot;
}

static struct hostcomm_request *fake_reap(struct hostcomm *hc, int *err)
{
	sim_assert_held(&hc->lock);
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++) {
		struct hostcomm_request *rq;
		struct fake_slot slot;

		if (!host.answered[vq] || host.broken)
			continue;
		sim_check(hc->vqs[vq], "a queue is read that is not there");
		host.answered[vq]--;
		slot = take_first(vq);
		rq = slot.rq;
		rq->acked = slot.acked;
		*err = slot.err;
		if (host.ready)
			fake_wire_read(rq);
		return rq;
	}
	return NULL;
}

static struct hostcomm_request *fake_detach(struct hostcomm *hc)
{
	sim_check(!host.ready, "buffers detached from a device that runs");
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++) {
		if (!hc->vqs[vq] || !host.nr[vq])
			continue;
		host.answered[vq] -= host.answered[vq] > 0;
		return take_first(vq).rq;
	}
	return NULL;
}

static bool fake_broken(struct hostcomm *hc)
{
	(void)hc;
	return host.broken;
}

#define FAKE_OPS \
	.pfn_limit = VM_PFN_BASE + (1UL << 20), \
	.wire_size = fake_wire_size, \
	.begin = fake_wire_begin, \
	.add = fake_wire_add, \
	.post = fake_post, \
	.reap = fake_reap, \
	.detach = fake_detach, \
	.broken = fake_broken

const struct hostcomm_ops hostcomm_pfn_ops = {
	FAKE_OPS,
	.name = "fake pfn",
	.batch_pages = 2048,
	.zeroed_pages = 2048,
	.batch_chunks = 2048,
};

const struct hostcomm_ops hostcomm_page_ops = {
	FAKE_OPS,
	.name = "fake page-ops",
	.batch_pages = 65536,
	.zeroed_pages = 3072,
	.batch_chunks = 1024,
	.swap = true,
	.add_swap = fake_wire_add_swap,
};

/* New queues for a device; what a test set of the host's ways stays. */
void fake_host_start(struct virtio_device *vdev)
{
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++) {
		sim_check(!host.nr[vq], "queues are made while old ones hold requests");
		host.vq[vq].vdev = vdev;
		host.answered[vq] = 0;
	}
	host.broken = false;
}

static bool no_interrupt(void *arg)
{
	(void)arg;
	return !host.interrupts;
}

/*
 * The host forgets everything: that ends its right to any frame.  As with a
 * real transport no callback of a queue runs any more when this returns.
 */
void fake_host_reset(void)
{
	host.ready = false;
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		vm_frames[i].host = VM_HOST_OUT;
	sim_block(no_interrupt, NULL, SIM_FOREVER, "interrupts to end");
}

/**
 * fake_host_answer() - answer what was posted, oldest first
 * @vq: on which queue
 * @max: how many requests at most
 *
 * Return: how many.
 */
unsigned int fake_host_answer(enum hostcomm_vq vq, unsigned int max)
{
	unsigned int n = 0;

	while (host.ready && !host.broken && n < max && host.answered[vq] < host.nr[vq]) {
		answer_next(vq);
		n++;
	}
	if (n)
		interrupt(vq);
	return n;
}

/* Until nothing is left, what the answers themselves bring about included. */
unsigned int fake_host_answer_all(void)
{
	unsigned int n, sum = 0;

	do {
		n = 0;
		for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
			n += fake_host_answer(vq, FAKE_HOST_RING);
		sim_settle();
		sum += n;
	} while (n);
	return sum;
}

unsigned int fake_host_unanswered(void)
{
	unsigned int n = 0;

	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++)
		n += host.nr[vq] - host.answered[vq];
	return n;
}
