// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An exchange on the device of rig.h, with donors from anywhere.
 */
#include "rig.h"

/* Pages for the block at @first from all others, beginning at a random one. */
static unsigned long collect(struct exchange *ex, struct page *first)
{
	unsigned long blocks = vm_nr_frames / RIG_BLOCK, from = sim_rand(blocks);
	unsigned long wanting = exchange_open(ex, first);

	for (unsigned long b = 0; wanting && b < blocks; b++) {
		struct page *other = &vm_frames[(from + b) % blocks * RIG_BLOCK];

		if (other != first)
			wanting = exchange_give(ex, other);
	}
	return wanting;
}

/**
 * rig_exchange() - make one block whole
 * @first: aligned to RIG_BLOCK
 *
 * Return: as exchange_run(); -ENODATA where the balloon has not pages enough,
 * -ENODEV while the device is stopped or the last exchange still under way, or
 * where the balloon cannot choose its pages.
 */
int rig_exchange(struct page *first)
{
	struct consolidate *c = &rig->consolidate;
	int err = -ENODATA;

	if (c->stopped || !c->exchange.order || !exchange_is_idle(&c->exchange))
		return -ENODEV;
	rig_exchanging = true;
	if (collect(&c->exchange, first))
		exchange_call_off(&c->exchange);
	else
		err = exchange_run(&c->exchange);
	rig_exchanging = false;
	return err;
}
