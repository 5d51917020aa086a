/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trading ballooned pages that lie scattered for a whole block of memory, at
 * no cost to the guest: what the guest uses of the block moves into the frames
 * that the balloon gives up.
 *
 * Locks: none of its own.
 */
#ifndef BALLONET_EXCHANGE_H
#define BALLONET_EXCHANGE_H

#include "hostcomm.h"

struct virtio_balloon;

/**
 * struct exchange - one exchange at a time
 * @vb: probe-time only
 * @order: of the blocks; 0 where the device has no use for blocks; probe-time
 *	only
 * @home: first page of the block, to whose zone the balloon's size is charged
 * @out: names the pages that leave
 * @in: names the block
 */
struct exchange {
	struct virtio_balloon *vb;
	unsigned int order;
	struct page *home;
	struct hostcomm_request out;
	struct hostcomm_request in;
};

int exchange_init(struct exchange *ex, struct virtio_balloon *vb, u32 block_size);
void exchange_exit(struct exchange *ex);

unsigned long exchange_open(struct exchange *ex, struct page *first);
unsigned long exchange_give(struct exchange *ex, struct page *first);
void exchange_call_off(struct exchange *ex);
int exchange_run(struct exchange *ex);

/* Whether another exchange may begin. */
static inline bool exchange_is_idle(struct exchange *ex)
{
	return hostcomm_is_idle(&ex->out) && hostcomm_is_idle(&ex->in);
}

#endif
