// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be done with a request before it is submitted: made once, begun
 * for each trip, filled.  All memory it will need is allocated here.
 *
 * Locks: none; a request that is not submitted has one user.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "hostcomm.h"

/**
 * hostcomm_request_init() - allocate a request's wire buffer
 * @hc: where it will be sent
 * @rq: zeroed
 * @max_pages: guest pages it must have room for
 * @max_chunks: runs of pages it must have room for; fewer if the device cannot
 * @done: see hostcomm_submit()
 *
 * Context: may sleep.  Return: 0 or -ENOMEM.
 */
int hostcomm_request_init(struct hostcomm *hc, struct hostcomm_request *rq,
			  u32 max_pages, u32 max_chunks,
			  void (*done)(struct hostcomm_request *rq, int err))
{
	if (hc->ops_max)
		max_chunks = min(max_chunks, hc->ops_max);
	rq->hc = hc;
	rq->max_pages = max_pages;
	rq->max_chunks = max_chunks;
	rq->done = done;
	INIT_LIST_HEAD(&rq->node);
	INIT_LIST_HEAD(&rq->page_list);
	rq->wire = kzalloc(hc->ops->wire_size(max_pages, max_chunks), GFP_KERNEL);
	return rq->wire ? 0 : -ENOMEM;
}

/**
 * hostcomm_request_exit() - free what hostcomm_request_init() allocated
 * @rq: not submitted; may be one whose init failed or never ran
 */
void hostcomm_request_exit(struct hostcomm_request *rq)
{
	kfree(rq->wire);
	rq->wire = NULL;
}

/**
 * hostcomm_begin() - empty a request for a new trip
 * @rq: not submitted
 * @op: what it will say of its pages
 */
void hostcomm_begin(struct hostcomm_request *rq, enum hostcomm_op op)
{
	rq->op = op;
	rq->pages = 0;
	if (rq->hc->ops->begin)
		rq->hc->ops->begin(rq);
}

/**
 * hostcomm_add() - name consecutive guest pages in a request
 * @rq: begun, not submitted
 * @page: the first of them
 * @nr: how many
 *
 * Context: any.  Return: false if there is no room for them.
 */
bool hostcomm_add(struct hostcomm_request *rq, struct page *page, u32 nr)
{
	if (nr > hostcomm_room(rq) || !rq->hc->ops->add(rq, page, nr))
		return false;
	rq->pages += nr;
	return true;
}

/**
 * hostcomm_add_swap() - name a page that leaves and one in its place
 * @rq: begun as HOSTCOMM_SWAP, not submitted; hostcomm_ops.swap is set
 * @page: leaves the balloon
 * @newpage: enters it
 *
 * Context: any.  Return: false if there is no room.
 */
bool hostcomm_add_swap(struct hostcomm_request *rq, struct page *page,
		       struct page *newpage)
{
	if (!hostcomm_room(rq) || !rq->hc->ops->add_swap(rq, page, newpage))
		return false;
	rq->pages++;
	return true;
}
