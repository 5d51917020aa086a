// SPDX-License-Identifier: GPL-2.0-only
/*
 * Movable pages on kernels where no driver has callbacks of its own: the
 * kernel's balloon core owns them, and with them page->private, page->lru and
 * the list of each struct balloon_dev_info, of which each block of memory has one.
 * It isolates and puts back without asking; we are asked to move a page, no more.
 *
 * The core would make the new page the balloon's at once, though the host does
 * not know it yet (I1).  So a move is told to it as a deflate of the old page
 * (-ENOENT): it lets go of both, and we keep a reference of each until the host
 * has answered.
 *
 * It counts what enters and leaves its lists, which is not what we call an inflate
 * or a deflate: its numbers are taken back.  Who looks at /proc/vmstat meanwhile
 * sees more than there was.
 *
 * Locks: balloon_pages.lock -> the core's own, which its functions take.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/vmstat.h>

#include "compat/core.h"
#include "balloon_pages.h"
#include "mobility.h"
#include "migrate.h"

static int mobility_migrate(struct balloon_dev_info *info, struct page *newpage,
			    struct page *page, enum migrate_mode mode)
{
	struct balloon_pages *bp = container_of(info, struct mobility_block, info)->bp;
	int err = migrate_callback(bp, newpage, page, mode);

	return err ? err : -ENOENT;
}

void mobility_init(struct mobility *mob)
{
}

void mobility_block_init(struct balloon_pages *bp, struct balloon_block *b)
{
	balloon_devinfo_init(&b->mobility.info);
	b->mobility.info.migratepage = mobility_migrate;
	b->mobility.bp = bp;
}

unsigned long mobility_isolated(struct balloon_pages *bp, struct balloon_block *b)
{
	return READ_ONCE(b->mobility.info.isolated_pages);
}

bool mobility_block_is_idle(struct balloon_block *b)
{
	LIST_HEAD(none);

	if (READ_ONCE(b->mobility.info.isolated_pages))
		return false;
	/* Who counted the last one down holds the core's lock no more. */
	balloon_page_list_dequeue(&b->mobility.info, &none, 0);
	return true;
}

static void mobility_enqueue(struct balloon_block *b, struct list_head *pages)
{
	long nr = balloon_page_list_enqueue(&b->mobility.info, pages);

	count_vm_events(BALLOON_INFLATE, -nr);
}

bool mobility_publish(struct balloon_pages *bp, struct balloon_block *b,
		      struct page *first)
{
	unsigned long i, nr = chunk_pages(first);
	LIST_HEAD(pages);

	lockdep_assert_held(&bp->lock);
	split_page(first, chunk_order(first));
	for (i = 0; i < nr; i++)
		list_add_tail(&first[i].lru, &pages);
	mobility_enqueue(b, &pages);
	return true;
}

/*
 * Their offline mark stays until they are freed: somebody may just have seen
 * it and be about to ask who owns them.
 */
unsigned long mobility_claim(struct balloon_pages *bp, struct balloon_block *b,
			     unsigned long max, unsigned long *claimed)
{
	struct page *page, *first = pages_block_first(bp, b);
	LIST_HEAD(pages);
	long nr;

	lockdep_assert_held(&bp->lock);
	nr = balloon_page_list_dequeue(&b->mobility.info, &pages, max);
	list_for_each_entry(page, &pages, lru)
		__set_bit(page - first, claimed);
	count_vm_events(BALLOON_DEFLATE, -nr);
	return nr;
}

/* The core will count a deflate, and drop the balloon's reference. */
void mobility_move(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	get_page(page);
	compat_core_moved_page(page);
	count_vm_events(BALLOON_DEFLATE, -1L);
}

void mobility_settle(struct balloon_block *b, struct page *newpage)
{
	LIST_HEAD(pages);

	list_add(&newpage->lru, &pages);
	mobility_enqueue(b, &pages);
}

bool mobility_undo_move(struct page *page, struct page *newpage)
{
	return page_count(page) == 1 && page_count(newpage) == 1;
}

/* Nobody looks at the type of a page without references; some were in no list. */
void mobility_forget(struct page *page)
{
	if (PageOffline(page))
		__ClearPageOffline(page);
}
