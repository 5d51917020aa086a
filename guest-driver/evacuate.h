/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making a whole block of the guest's memory free for the guest: what it uses
 * of the block moves elsewhere.
 *
 * Locks: none of its own.
 */
#ifndef BALLONET_EVACUATE_H
#define BALLONET_EVACUATE_H

#include "hostcomm.h"

struct virtio_balloon;

/**
 * struct evacuate - one block at a time
 * @vb: probe-time only
 * @order: of the blocks; probe-time only
 * @in: tells the host that it may drop what is behind the block
 * @out: that the block is the guest's again
 */
struct evacuate {
	struct virtio_balloon *vb;
	unsigned int order;
	struct hostcomm_request in;
	struct hostcomm_request out;
};

int evacuate_init(struct evacuate *v, struct virtio_balloon *vb, unsigned int order);
void evacuate_exit(struct evacuate *v);
int evacuate_run(struct evacuate *v, struct page *first);

/* Whether another block may be evacuated. */
static inline bool evacuate_is_idle(struct evacuate *v)
{
	/* In this order: the answer to one submits the other. */
	return hostcomm_is_idle(&v->in) && hostcomm_is_idle(&v->out);
}

#endif
