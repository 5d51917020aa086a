/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon's pages: which there are, which of them the kernel's migration
 * code holds, how many are on their way in.  One struct balloon_pages a
 * device; its mobility member is the object through which the kernel finds the
 * device that owns a page.
 *
 * A page belongs to the balloon from pages_add() or pages_replace() until
 * pages_take() or pages_replace() says otherwise, and is in one of the states
 * of enum balloon_page_state all that time (kept in page->private).
 *
 * Locks: page lock -> balloon_pages.lock.  Only trylock_page() may be used on
 * a ballooned page while another lock is held, and nothing sleeps with
 * balloon_pages.lock held.
 */
#ifndef BALLONET_PAGES_H
#define BALLONET_PAGES_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "mobility.h"

struct page;

/**
 * enum balloon_page_state - where a ballooned page is
 * @BALLOON_PAGE_ALIEN: not the balloon's (any more)
 * @BALLOON_PAGE_LISTED: on the list; may be isolated or taken
 * @BALLOON_PAGE_ISOLATED: in the hands of migration, which owns page->lru
 * @BALLOON_PAGE_ARRIVING: replaced an isolated page, but the host has not yet
 *	acknowledged it: not to be touched (I1)
 */
enum balloon_page_state {
	BALLOON_PAGE_ALIEN,
	BALLOON_PAGE_LISTED,
	BALLOON_PAGE_ISOLATED,
	BALLOON_PAGE_ARRIVING,
};

/**
 * struct balloon_pages - the pages of one balloon
 * @mobility: the kernel's way to us; probe-time only
 * @lock: protects all below and the state of each page
 * @list: the LISTED pages, youngest last
 * @listed: length of @list
 * @isolated: pages in state ISOLATED
 * @arriving: pages in state ARRIVING
 * @closed: no page is isolated any more; the device goes
 * @returned: woken when an isolated page came back
 */
struct balloon_pages {
	struct mobility mobility;
	spinlock_t lock;
	struct list_head list;
	unsigned long listed;
	unsigned long isolated;
	unsigned long arriving;
	bool closed;
	wait_queue_head_t returned;
};

void pages_init(struct balloon_pages *bp);
void pages_open(struct balloon_pages *bp);
void pages_close(struct balloon_pages *bp);

void pages_add(struct balloon_pages *bp, struct list_head *pages);
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 struct list_head *taken);
bool pages_await_lock(struct balloon_pages *bp);
unsigned long pages_size(struct balloon_pages *bp);

bool pages_isolate(struct balloon_pages *bp, struct page *page);
void pages_putback(struct balloon_pages *bp, struct page *page);
bool pages_replace(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
void pages_arrived(struct balloon_pages *bp, struct page *page);
bool pages_last_isolated(struct balloon_pages *bp);

#endif
