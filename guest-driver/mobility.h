/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel must offer so that ballooned pages can be moved: the contract
 * between the book (balloon_pages.h) and exactly one mobility_*.c, chosen by
 * Kbuild.  struct mobility is embedded in struct balloon_pages, so a backend gets
 * from a page to its device without a global.
 *
 * mobility_mapping.c calls pages_isolate(), pages_putback() and
 * migrate_callback() from the kernel's callbacks, each with the page locked.
 * Where the kernel's balloon core keeps the pages (mobility_core.c), it isolates
 * and puts back by itself, and migrate_callback() alone is called.
 *
 * Locks: all but mobility_undo_move() and mobility_forget() are called with
 * balloon_pages.lock held.
 */
#ifndef BALLONET_MOBILITY_H
#define BALLONET_MOBILITY_H

#ifdef HAVE_MOBILITY_AOPS
#include <linux/fs.h>
#endif
#ifdef HAVE_MOBILITY_CORE
#include <linux/balloon.h>
#endif
#include <linux/gfp.h>
#include <linux/migrate.h>

struct balloon_block;
struct balloon_pages;
struct page;

/**
 * struct mobility - a device's own mapping object; none where the core has one
 * for each block
 * @mapping: what page->mapping of its pages leads to, up to 5.19
 * @mops: likewise, 6.0 to 6.16
 */
struct mobility {
#if defined(HAVE_MOBILITY_AOPS)
	struct address_space mapping;
#elif !defined(HAVE_MOBILITY_CORE)
	struct movable_operations mops;
#endif
};

/**
 * struct mobility_block - what a block of pages needs; nothing where a device's
 * pages all lead to the device
 * @info: what page->private of its pages leads to; the core's
 * @bp: whose pages; set at init
 */
struct mobility_block {
#ifdef HAVE_MOBILITY_CORE
	struct balloon_dev_info info;
	struct balloon_pages *bp;
#endif
};

/*
 * Whether mobility_claim() freezes references: the core may still look at the type
 * of a page that has one.
 */
#ifdef HAVE_MOBILITY_CORE
#define MOBILITY_FREEZES	false
#else
#define MOBILITY_FREEZES	true
#endif

/* Allocation flags of pages that can move: the kernel groups them together. */
#define MOBILITY_GFP	GFP_HIGHUSER_MOVABLE

void mobility_init(struct mobility *mob);
void mobility_block_init(struct balloon_pages *bp, struct balloon_block *b);
/* Of an empty block: whether the kernel will not touch it any more. */
bool mobility_block_is_idle(struct balloon_block *b);
/* Pages of a block in the hands of migration, or of all blocks: an estimate. */
unsigned long mobility_isolated(struct balloon_pages *bp, struct balloon_block *b);

/*
 * The pages of a chunk, linked nowhere, can be moved from now on, each with a
 * reference of its own.  Return: false, and nothing has changed, while somebody
 * has the first one locked.
 */
bool mobility_publish(struct balloon_pages *bp, struct balloon_block *b,
		      struct page *first);
/*
 * Up to @max pages of @b->in can be moved no more, and no callback reaches us
 * through them: their bits in @claimed, which is empty.  Without those that
 * somebody has locked or isolated.  Where MOBILITY_FREEZES their references are
 * frozen, unless it is one page.  Return: how many.
 */
unsigned long mobility_claim(struct balloon_pages *bp, struct balloon_block *b,
			     unsigned long max, unsigned long *claimed);
/*
 * @newpage, with a reference for the balloon, takes the place of @page, which is
 * isolated; both locked.  @page keeps the balloon's reference.
 */
void mobility_move(struct balloon_pages *bp, struct page *page,
		   struct page *newpage);
/* After mobility_move(): the host has acknowledged it. */
void mobility_settle(struct balloon_block *b, struct page *newpage);
/*
 * After mobility_move(): @newpage is to be freed; @page may be published anew.
 * Return: false while the kernel is not done with one of them.
 */
bool mobility_undo_move(struct page *page, struct page *newpage);
/*
 * Leaves no trace of having been movable; the page's references are frozen, and not
 * by mobility_claim(), which does so itself.
 */
void mobility_forget(struct page *page);

#endif
