/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making a whole block of the guest's memory free for the guest: what it uses
 * of the block moves elsewhere.
 *
 * Locks: none of its own.
 */
#ifndef BALLONET_VACATE_H
#define BALLONET_VACATE_H

#include "hostcomm.h"

struct virtio_balloon;

/**
 * struct vacate - one block at a time
 * @vb: probe-time only
 * @order: of the blocks; probe-time only
 * @busy: a block is with the host; set by the one user, cleared by the answer
 * @stopped: waits must end
 * @in: tells the host that it may drop what is behind the block
 * @out: that the block is the guest's again
 */
struct vacate {
	struct virtio_balloon *vb;
	unsigned int order;
	bool busy;
	bool stopped;
	struct hostcomm_request in;
	struct hostcomm_request out;
};

int vacate_init(struct vacate *v, struct virtio_balloon *vb, unsigned int order);
void vacate_exit(struct vacate *v);
void vacate_stop(struct vacate *v, bool stopped);
int vacate_run(struct vacate *v, struct page *first);

/* Whether another block may be vacated. */
static inline bool vacate_is_idle(struct vacate *v)
{
	/* Pairs with vacate_free(). */
	return !smp_load_acquire(&v->busy);
}

#endif
