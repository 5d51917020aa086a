// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon while the system sleeps.  It stays: its pages need neither be
 * kept in RAM nor be written to a hibernation image.  The reset on the way
 * ends what the host knows of them, so after it they are announced again,
 * before any of them may move or leave.
 *
 * Locks: none of its own; runs in probe and PM callbacks, where the worker is
 * stopped, and in the worker.
 */
#include <linux/mm.h>

#include "device.h"
#include "resize.h"
#include "supply.h"

/**
 * resize_wake() - the device was reset and knows nothing of the balloon
 * @rz: stopped; the pages are closed, nothing is on its way
 *
 * Context: may sleep.
 */
void resize_wake(struct resize *rz)
{
	unsigned long nr = 0;

	do {
		nr += pages_take(&rz->vb->pages, ULONG_MAX, ULONG_MAX,
				 &rz->untold);
	} while (pages_await_lock(&rz->vb->pages));
	resize_add_inflating(rz, nr);
}

/**
 * resize_announce() - send some of what the host does not know any more
 * @rz: the worker's
 * @rq: idle
 *
 * Return: pages sent on their way.
 */
u32 resize_announce(struct resize *rz, struct hostcomm_request *rq)
{
	struct page *page, *next;

	hostcomm_begin(rq, HOSTCOMM_INFLATE);
	list_for_each_entry_safe(page, next, &rz->untold, lru) {
		if (!hostcomm_add(rq, page, chunk_pages(page)))
			break;
		list_move_tail(&page->lru, &rq->page_list);
	}
	/* From here on as if the guest had only just given them. */
	supply_discharge(rz->vb, &rq->page_list);
	hostcomm_submit(rq);
	return rq->pages;
}

static unsigned long resize_count_untold(struct resize *rz)
{
	struct page *page;
	unsigned long nr = 0;

	list_for_each_entry(page, &rz->untold, lru)
		nr += chunk_pages(page);
	return nr;
}

/**
 * resize_keep_untold() - asleep, maybe again before all was announced
 * @rz: stopped, the device was reset
 */
void resize_keep_untold(struct resize *rz)
{
	resize_add_inflating(rz, -(long)resize_count_untold(rz));
	pages_add(&rz->vb->pages, &rz->untold);
	resize_let_go(rz);
}

/**
 * resize_free_untold() - the balloon goes before all was announced
 * @rz: stopped
 */
void resize_free_untold(struct resize *rz)
{
	resize_add_inflating(rz, -(long)resize_count_untold(rz));
	supply_release(rz->vb, &rz->untold);
}
