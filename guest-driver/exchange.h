/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trading ballooned pages that lie scattered for a whole block of memory, at
 * no cost to the guest: what the guest uses of the block moves into the frames
 * that the balloon gives up.
 *
 * Locks: exchange.lock; nothing is taken below it.
 */
#ifndef BALLONET_EXCHANGE_H
#define BALLONET_EXCHANGE_H

#include <linux/spinlock.h>

#include "hostcomm.h"

struct virtio_balloon;

/**
 * enum exchange_step - how far an exchange is
 * @EXCHANGE_IDLE: none
 * @EXCHANGE_OPEN: collects pages that are to leave
 * @EXCHANGE_LEAVING: the host is being told that they leave
 * @EXCHANGE_LEFT: they are the guest's; the block is being claimed
 * @EXCHANGE_ENTERING: the host is being told of the block
 */
enum exchange_step {
	EXCHANGE_IDLE,
	EXCHANGE_OPEN,
	EXCHANGE_LEAVING,
	EXCHANGE_LEFT,
	EXCHANGE_ENTERING,
};

/**
 * struct exchange - one exchange at a time
 * @vb: probe-time only
 * @order: of the blocks; 0 where the device has no use for blocks; probe-time
 *	only
 * @lock: protects @step while with the host, @given_up, @err
 * @step: written by the one user, or by the answer it waits for
 * @given_up: nobody waits for the answer any more
 * @err: what became of the last request
 * @stopped: waits must end
 * @home: first page of the block, to whose zone the balloon's size is charged
 * @out: names the pages that leave
 * @in: names the block
 */
struct exchange {
	struct virtio_balloon *vb;
	unsigned int order;
	spinlock_t lock;
	enum exchange_step step;
	bool given_up;
	int err;
	bool stopped;
	struct page *home;
	struct hostcomm_request out;
	struct hostcomm_request in;
};

int exchange_init(struct exchange *ex, struct virtio_balloon *vb, u32 block_size);
void exchange_exit(struct exchange *ex);
void exchange_stop(struct exchange *ex, bool stopped);
bool exchange_is_idle(struct exchange *ex);

unsigned long exchange_open(struct exchange *ex, struct page *first);
unsigned long exchange_give(struct exchange *ex, struct page *first);
void exchange_call_off(struct exchange *ex);
int exchange_run(struct exchange *ex);

#endif
