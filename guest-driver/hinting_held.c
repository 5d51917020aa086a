// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks that the host has answered for: ours until the migration is over, or
 * until the guest is short of memory, whose kernel then asks for them.  Knows
 * nothing of the queue.
 *
 * Locks: balloon_hinting.lock; never held over a call of the page allocator.
 */
#include <linux/mm.h>

#include "hinting.h"

/**
 * hinting_hold() - a block was answered for
 * @hi: initialised
 * @page: its first page, on a list
 *
 * Context: any.
 */
void hinting_hold(struct balloon_hinting *hi, struct page *page)
{
	unsigned long flags;

	spin_lock_irqsave(&hi->lock, flags);
	list_move(&page->lru, &hi->held);
	hi->nr_held++;
	hi->hinted += 1UL << HINTING_ORDER;
	spin_unlock_irqrestore(&hi->lock, flags);
}

/**
 * hinting_release() - give blocks back to the guest
 * @hi: initialised
 * @max: how many at most
 *
 * Context: process; does not sleep.  Return: how many.
 */
unsigned long hinting_release(struct balloon_hinting *hi, unsigned long max)
{
	struct page *page, *next;
	unsigned long flags, nr = 0;
	LIST_HEAD(free);

	spin_lock_irqsave(&hi->lock, flags);
	list_for_each_entry_safe(page, next, &hi->held, lru) {
		if (nr == max)
			break;
		list_move(&page->lru, &free);
		nr++;
	}
	hi->nr_held -= nr;
	spin_unlock_irqrestore(&hi->lock, flags);

	list_for_each_entry_safe(page, next, &free, lru) {
		list_del(&page->lru);
		__free_pages(page, HINTING_ORDER);
	}
	return nr;
}

static struct balloon_hinting *hinting_of(struct shrinker *shrinker)
{
	return container_of(compat_shrinker_of(shrinker), struct balloon_hinting,
			    shrinker);
}

static unsigned long hinting_count(struct shrinker *shrinker,
				   struct shrink_control *sc)
{
	struct balloon_hinting *hi = hinting_of(shrinker);

	return READ_ONCE(hi->nr_held) << HINTING_ORDER;
}

static unsigned long hinting_scan(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct balloon_hinting *hi = hinting_of(shrinker);
	unsigned long blocks = DIV_ROUND_UP(sc->nr_to_scan, 1UL << HINTING_ORDER);

	blocks = hinting_release(hi, blocks);
	return blocks ? blocks << HINTING_ORDER : SHRINK_STOP;
}

/* Part of hinting_init(). */
void hinting_held_init(struct balloon_hinting *hi)
{
	INIT_LIST_HEAD(&hi->held);
}

/* Part of hinting_start().  Return: 0 or a negative errno. */
int hinting_held_start(struct balloon_hinting *hi)
{
	return compat_shrinker_register(&hi->shrinker, "virtio-balloon",
					hinting_count, hinting_scan);
}

/* Part of hinting_stop(): nobody asks for blocks any more. */
void hinting_held_stop(struct balloon_hinting *hi)
{
	compat_shrinker_unregister(&hi->shrinker);
}
