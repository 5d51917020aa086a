// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stand-in for the job that decides which blocks are exchanged, and when, where
 * a test decides that.  Not linked where the job itself is under test.
 */
#include "rig.h"

int gather_init(struct gather *c, struct virtio_balloon *vb, u32 block_size)
{
	int err;

	/* Also where the device does not say so. */
	vb->pages.order = ilog2(RIG_BLOCK);
	err = exchange_init(&c->exchange, vb, RIG_BLOCK * PAGE_SIZE);

	if (!err && c->exchange.order)
		err = evacuate_init(&c->evacuate, vb, c->exchange.order);
	return err;
}

void gather_exit(struct gather *c)
{
	evacuate_exit(&c->evacuate);
	exchange_exit(&c->exchange);
}

void gather_start(struct gather *c)
{
	c->stopped = false;
}

static bool nobody_exchanges(void *arg)
{
	return !rig_exchanging;
}

void gather_stop(struct gather *c)
{
	c->stopped = true;
	sim_block(nobody_exchanges, NULL, SIM_FOREVER, "an exchange to end");
}
