/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel must offer so that ballooned pages can be moved: the contract
 * between pages/migrate and exactly one mobility_*.c, chosen by Kbuild.
 * struct mobility is embedded in struct balloon_pages, so a backend gets from
 * a page to its device without a global.
 *
 * A backend calls pages_isolate(), pages_putback() and migrate_callback() from
 * the kernel's callbacks, each with the page locked.  Where the kernel's
 * balloon core keeps the pages (mobility_core.h), it isolates and puts back by
 * itself, and migrate_callback() alone is called.
 */
#ifndef BALLONET_MOBILITY_H
#define BALLONET_MOBILITY_H

#ifdef HAVE_MOBILITY_AOPS
#include <linux/fs.h>
#endif
#include <linux/gfp.h>
#include <linux/migrate.h>

#ifdef HAVE_MOBILITY_CORE
#include "mobility_core.h"
#else
/**
 * struct mobility - a device's own mapping object
 * @mapping: what page->mapping of its pages leads to (mobility_aops.c)
 * @mops: likewise (mobility_mops.c)
 */
struct mobility {
#ifdef HAVE_MOBILITY_AOPS
	struct address_space mapping;
#else
	struct movable_operations mops;
#endif
};
#endif

struct page;

/* Allocation flags of pages that can move: the kernel groups them together. */
#define MOBILITY_GFP	GFP_HIGHUSER_MOVABLE

void mobility_init(struct mobility *mob);
void mobility_forget(struct page *page);

/*
 * Not where the core keeps the pages.  Both with the page locked.  After
 * mobility_unmark() and unlock_page() no callback reaches @mob through this
 * page any more.
 */
void mobility_mark(struct mobility *mob, struct page *page);
void mobility_unmark(struct page *page);

/*
 * Whether a page is marked as @mob's.  Any page of memory that is online may be
 * asked about; the answer stays true as long as the page is locked.
 */
bool mobility_owns(struct mobility *mob, struct page *page);

#endif
