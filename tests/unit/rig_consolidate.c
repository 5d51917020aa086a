// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stand-in for the job that decides which blocks are exchanged, and when, where
 * a test decides that.  Not linked where the job itself is under test.
 */
#include "rig.h"

int consolidate_init(struct consolidate *c, struct virtio_balloon *vb, u32 block_size)
{
	int err = exchange_init(&c->exchange, vb, RIG_BLOCK * PAGE_SIZE);

	if (!err && c->exchange.order)
		err = vacate_init(&c->vacate, vb, c->exchange.order);
	return err;
}

void consolidate_exit(struct consolidate *c)
{
	vacate_exit(&c->vacate);
	exchange_exit(&c->exchange);
}

void consolidate_start(struct consolidate *c)
{
	exchange_stop(&c->exchange, false);
	if (c->exchange.order)
		vacate_stop(&c->vacate, false);
	c->stopped = false;
}

static bool nobody_exchanges(void *arg)
{
	return !rig_exchanging;
}

void consolidate_stop(struct consolidate *c)
{
	c->stopped = true;
	exchange_stop(&c->exchange, true);
	if (c->exchange.order)
		vacate_stop(&c->vacate, true);
	sim_block(nobody_exchanges, NULL, SIM_FOREVER, "an exchange to end");
}

void consolidate_kick(struct consolidate *c)
{
}
