// SPDX-License-Identifier: GPL-2.0-only
/*
 * One exchange: as many ballooned pages as a block has leave the balloon, the
 * block's own first; the host is told, and has acknowledged that, before
 * they are freed; the kernel moves what is in use in the block to free frames,
 * of which there are now as many more; the block enters the balloon.  No step
 * needs more memory than the one before gave.
 *
 * Each answer does by itself what it means for the pages, so that whoever
 * waits for it may give up at any time.
 *
 * Locks: none of its own.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>

#include "compat/contig.h"
#include "balloon.h"
#include "exchange.h"
#include "alloc.h"
#include "trace.h"

/* How long a silent host is waited for. */
#define EXCHANGE_TIMEOUT	(5 * HZ)
/*
 * How much larger than a block the kernel's page blocks may be, as a shift: all
 * free memory of one is out of reach while a block in it is claimed.
 */
#define EXCHANGE_SPAN		4

static unsigned long exchange_pages(struct exchange *ex)
{
	return 1UL << ex->order;
}

/* Nothing comes for @nr of the pages that left: the balloon is that smaller. */
static void exchange_lose(struct exchange *ex, unsigned long nr)
{
	struct virtio_balloon *vb = ex->vb;

	pages_lose_exchanged(&vb->pages, nr);
	if (vb->managed)
		adjust_managed_page_count(ex->home, nr);
	pages_changed(&vb->pages);
}

/* Pages that were to leave, or that the host did not let go, stay. */
static void exchange_keep(struct exchange *ex, struct list_head *chunks)
{
	struct page *page;

	list_for_each_entry(page, chunks, lru)
		migrate_account(&ex->vb->migrate, ex->home, page,
				chunk_pages(page));
	pages_add_exchanged(&ex->vb->pages, chunks);
}

static void exchange_left(struct hostcomm_request *rq, int err)
{
	struct exchange *ex = container_of(rq, struct exchange, out);
	LIST_HEAD(chunks);

	/* A reset ends the host's right to them, asked or not. */
	if (err == -ENODEV)
		rq->acked = rq->pages;
	chunks_split(&rq->page_list, rq->acked, &chunks);
	chunks_free(&chunks);
	exchange_keep(ex, &rq->page_list);
	if (rq->orphaned)
		exchange_lose(ex, rq->acked);
}

static void exchange_entered(struct hostcomm_request *rq, int err)
{
	struct exchange *ex = container_of(rq, struct exchange, in);
	u32 refused = rq->pages - rq->acked;
	LIST_HEAD(chunks);

	chunks_split(&rq->page_list, rq->acked, &chunks);
	pages_add_exchanged(&ex->vb->pages, &chunks);
	chunks_free(&rq->page_list);
	if (refused)
		exchange_lose(ex, refused);
}

/* Moves pages of a block from the balloon into the request. */
static void exchange_take(struct exchange *ex, struct page *first)
{
	LIST_HEAD(chunks);
	struct page *page;

	pages_take_block(&ex->vb->pages, first,
			 exchange_pages(ex) - ex->out.pages, &chunks);
	list_for_each_entry(page, &chunks, lru) {
		WARN_ON_ONCE(!hostcomm_add(&ex->out, page, chunk_pages(page)));
		migrate_account(&ex->vb->migrate, page, ex->home,
				chunk_pages(page));
	}
	list_splice_tail_init(&chunks, &ex->out.page_list);
}

/**
 * exchange_open() - begin an exchange for a block
 * @ex: idle
 * @first: the block's first page; memory that is online and stays so
 *
 * Context: process; does not sleep.
 * Return: pages that other blocks must give (exchange_give()).
 */
unsigned long exchange_open(struct exchange *ex, struct page *first)
{
	ex->home = first;
	hostcomm_begin(&ex->out, HOSTCOMM_DEFLATE);
	exchange_take(ex, first);
	return exchange_pages(ex) - ex->out.pages;
}

/**
 * exchange_give() - take ballooned pages out of another block for it
 * @ex: open
 * @first: that block's first page
 *
 * Context: process; does not sleep.  Return: pages still wanting.
 */
unsigned long exchange_give(struct exchange *ex, struct page *first)
{
	exchange_take(ex, first);
	return exchange_pages(ex) - ex->out.pages;
}

/**
 * exchange_call_off() - all pages stay where they are
 * @ex: open
 *
 * Context: process; does not sleep.
 */
void exchange_call_off(struct exchange *ex)
{
	exchange_keep(ex, &ex->out.page_list);
}

static void exchange_enter(struct exchange *ex)
{
	struct page *page;

	hostcomm_begin(&ex->in, HOSTCOMM_INFLATE);
	chunk_link(ex->home, ex->order, &ex->in.page_list);
	list_for_each_entry(page, &ex->in.page_list, lru)
		WARN_ON_ONCE(!hostcomm_add(&ex->in, page, chunk_pages(page)));
	hostcomm_submit(&ex->in);
}

/**
 * exchange_run() - make the exchange
 * @ex: open, with all the pages it wants
 *
 * Whatever comes of it, no page is lost; where the block is not to be had the
 * balloon is smaller by a block, and the resize worker was told.
 *
 * Context: may sleep; for the host at most twice EXCHANGE_TIMEOUT, for the
 * kernel as long as its migration takes.
 * Return: 0; -ETIMEDOUT when the host does not answer (the exchange may be
 * used again when exchange_is_idle()); -EBUSY, -ENOMEM, -EINTR from claiming
 * the block; the errno of a refused request.
 */
int exchange_run(struct exchange *ex)
{
	unsigned long pfn = page_to_pfn(ex->home);
	int err;

	hostcomm_submit(&ex->out);
	if (!hostcomm_await(&ex->out, EXCHANGE_TIMEOUT))
		return -ETIMEDOUT;

	err = ex->out.err;
	if (!err)
		err = compat_alloc_contig(pfn, pfn + exchange_pages(ex));
	if (err) {
		exchange_lose(ex, ex->out.acked);
		return err;
	}
	exchange_enter(ex);
	if (!hostcomm_await(&ex->in, EXCHANGE_TIMEOUT))
		return -ETIMEDOUT;
	return ex->in.err;
}

/**
 * exchange_init() - allocate all that exchanges will need
 * @ex: zeroed
 * @vb: the device; hostcomm is initialised
 * @block_size: bytes that the host likes to have together; 0 if unknown
 *
 * Context: may sleep.  Return: 0 or -ENOMEM (then call exchange_exit()).
 */
int exchange_init(struct exchange *ex, struct virtio_balloon *vb, u32 block_size)
{
	u32 pages = block_size >> PAGE_SHIFT;
	int err;

	ex->vb = vb;
	/* What the device says may be of no use to the book, either. */
	if (pages != 1U << vb->pages.order ||
	    pages << EXCHANGE_SPAN < pageblock_nr_pages || !compat_has_contig())
		return 0;
	err = hostcomm_request_init(&vb->hostcomm, &ex->out, pages, pages,
				    exchange_left);
	if (!err)
		err = hostcomm_request_init(&vb->hostcomm, &ex->in, pages, pages,
					    exchange_entered);
	if (err)
		return err;
	/* A buffer that holds less than a block is of no use here. */
	if (min(ex->out.max_chunks, ex->in.max_chunks) == pages)
		ex->order = ilog2(pages);
	return 0;
}

/**
 * exchange_exit() - free what exchange_init() allocated
 * @ex: nothing with the host; may be one whose init failed
 */
void exchange_exit(struct exchange *ex)
{
	hostcomm_request_exit(&ex->out);
	hostcomm_request_exit(&ex->in);
}
