/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host for the driver's tests: takes requests through struct hostcomm_ops
 * (both kinds of it: PFN queues and page ops), answers them when the test says
 * so, and keeps for each frame what it may believe of it (struct page.host),
 * from the post of a request until the driver has read its answer.  A request
 * that contradicts that fails the test on the spot.
 */
#ifndef BALLONET_FAKE_HOST_H
#define BALLONET_FAKE_HOST_H

#include "hostcomm.h"

#define FAKE_HOST_RING	64

struct fake_slot {
	struct hostcomm_request *rq;
	int err;
	u32 acked;
};

/**
 * struct fake_host - the other side of the queues
 * @at_once: answer whatever is posted in the post itself
 * @room: buffers a queue takes before it is full
 * @no_queues: none can be set up
 * @broken: the queues do not work any more
 * @interrupts: how many are being handled just now
 * @ready: the driver said DRIVER_OK and has not reset the device since
 * @refuse: how many of the next requests of @refuse_op are answered with
 *	@refuse_err after @refuse_after operations (page ops only)
 * @not_ram: the first and the last frame that are not RAM to it: an operation
 *	by which one of them enters is answered with -EFAULT (page ops only)
 * @not_ram_asked: how often one of them was asked for in requests answered so
 * @ring: what was posted and not reaped, by queue, oldest first
 * @nr: length of each of those
 * @answered: how many of each are answered
 * @posts: how many came, by op
 * @pages: guest pages in those
 * @vq: the queues
 */
struct fake_host {
	bool at_once;
	unsigned int room;
	bool no_queues;
	bool broken;
	unsigned int interrupts;
	bool ready;
	unsigned int refuse;
	enum hostcomm_op refuse_op;
	unsigned int refuse_after;
	int refuse_err;
	struct page *not_ram[2];
	unsigned long not_ram_asked;
	struct fake_slot ring[HOSTCOMM_NR_VQS][FAKE_HOST_RING];
	unsigned int nr[HOSTCOMM_NR_VQS];
	unsigned int answered[HOSTCOMM_NR_VQS];
	unsigned int posts[HOSTCOMM_NR_OPS];
	unsigned long pages[HOSTCOMM_NR_OPS];
	struct virtqueue vq[HOSTCOMM_NR_VQS];
};

extern struct fake_host host;

void fake_host_start(struct virtio_device *vdev);
void fake_host_reset(void);
unsigned int fake_host_answer(enum hostcomm_vq vq, unsigned int max);
unsigned int fake_host_answer_all(void);
unsigned int fake_host_unanswered(void);

#endif
