// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exchanges on the device of rig.h, with donors from anywhere, and blocks made
 * free for a guest that has frames all over the place.
 */
#include "rig.h"

bool rig_exchanging;

static struct page *guest[4096];
static unsigned long nr_guest;

/* What migration does to a page of the guest: its content is elsewhere then. */
static struct page *move(struct page *page)
{
	struct page *to = vm_alloc(VM_GUEST);

	if (!to)
		return NULL;
	to->count = 1;
	for (unsigned long i = 0; i < nr_guest; i++) {
		if (guest[i] == page)
			guest[i] = to;
	}
	put_page(page);
	return to;
}

static struct page *stay(struct page *page)
{
	return NULL;
}

/**
 * rig_fragment() - much of memory becomes the guest's, page by page, and the
 * balloon gets RIG_SCATTERED single pages among those
 */
void rig_fragment(void)
{
	vm_move_guest = move;
	nr_guest = 0;
	while (nr_guest < ARRAY_SIZE(guest)) {
		struct page *page = vm_alloc(VM_GUEST);

		page->count = 1;
		guest[nr_guest++] = page;
	}
	rig_inflate(RIG_SCATTERED);
	rig_break_blocks();
}

/**
 * rig_open_scattered() - rig_open() and rig_fragment()
 */
int rig_open_scattered(void **state)
{
	rig_open(state);
	rig_fragment();
	return 0;
}

/**
 * rig_open_scattered_ops() - the same with page ops
 */
int rig_open_scattered_ops(void **state)
{
	rig_open_ops(state);
	rig_fragment();
	return 0;
}

/**
 * rig_close_scattered() - the guest gives its frames back, and rig_close()
 */
int rig_close_scattered(void **state)
{
	while (nr_guest)
		put_page(guest[--nr_guest]);
	return rig_close(state);
}

/**
 * rig_guest_stays() - what the guest has cannot move
 */
void rig_guest_stays(void)
{
	vm_move_guest = stay;
}

/**
 * rig_guest_moves() - and now it can again
 */
void rig_guest_moves(void)
{
	vm_move_guest = move;
}

/**
 * rig_mixed_block() - a block of which the guest has pages, and the balloon
 */
struct page *rig_mixed_block(void)
{
	for (unsigned long b = 0; b < vm_nr_frames / RIG_BLOCK; b++) {
		struct page *first = &vm_frames[b * RIG_BLOCK];
		unsigned int ours = 0, theirs = 0;

		for (unsigned int i = 0; i < RIG_BLOCK; i++) {
			ours += first[i].offline;
			theirs += first[i].owner == VM_GUEST;
		}
		if (ours && theirs)
			return first;
	}
	sim_fail("no block that the balloon and the guest share");
}

static bool may_run(struct gather *c)
{
	return !c->stopped && c->exchange.order && exchange_is_idle(&c->exchange) &&
	       evacuate_is_idle(&c->evacuate);
}

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
	struct gather *c = &rig->gather;
	int err = -ENODATA;

	if (!may_run(c))
		return -ENODEV;
	rig_exchanging = true;
	if (collect(&c->exchange, first))
		exchange_call_off(&c->exchange);
	else
		err = exchange_run(&c->exchange);
	rig_exchanging = false;
	return err;
}

/**
 * rig_evacuate() - make one block free for the guest
 * @first: aligned to RIG_BLOCK
 *
 * Return: as evacuate_run(), or -ENODEV as rig_exchange().
 */
int rig_evacuate(struct page *first)
{
	struct gather *c = &rig->gather;
	int err;

	if (!may_run(c))
		return -ENODEV;
	rig_exchanging = true;
	err = evacuate_run(&c->evacuate, first);
	rig_exchanging = false;
	return err;
}
