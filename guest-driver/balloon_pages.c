// SPDX-License-Identifier: GPL-2.0-only
/*
 * The book of ballooned pages, the same on every kernel: an entry for each block
 * of memory of the size that the host likes, found by a page's number, with a
 * bit for each of its pages.  How the kernel is told that it may move a page, and
 * that it may not any more, is the matter of mobility_*.c.
 *
 * An entry is allocated where its first page is published, which may sleep, or
 * where a page is moved into it, which may not: without memory the move is
 * refused, to be tried again.  What arrives needs none.
 *
 * Locks: balloon_pages.lock; see balloon_pages.h.
 */
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "balloon_pages.h"

/* A chunk is published when nothing came for so long, ... */
#define PUBLISH_IDLE	(HZ / 20)
/* ... or when it has waited for so long all the same. */
#define PUBLISH_LATEST	HZ
/* Blocks, or pages, in a row that cannot be had just now, before a pause. */
#define PAGES_TRIES	8
/* Chunks handled in one hold of the lock: keeps callbacks from spinning. */
#define PAGES_PER_HOLD	256
/* Pauses of a tick that pages_publish_all() makes. */
#define PUBLISH_PAUSES	HZ

/* Not worth that somebody is killed for it (I4). */
#define PUBLISH_GFP \
	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_NOWARN)
#define MOVE_GFP	(GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_NOWARN)

static unsigned long block_pages(struct balloon_pages *bp)
{
	return 1UL << bp->order;
}

/**
 * pages_block_first() - the first page of a block, ballooned or not
 * @bp: the balloon
 * @b: one of its blocks
 */
struct page *pages_block_first(struct balloon_pages *bp, struct balloon_block *b)
{
	return pfn_to_page(b->index << bp->order);
}

/* The block of a page, or NULL; *@bit: its number in there. */
static struct balloon_block *block_of(struct balloon_pages *bp,
				      struct page *page, unsigned int *bit)
{
	unsigned long pfn = page_to_pfn(page);

	lockdep_assert_held(&bp->lock);
	*bit = pfn & (block_pages(bp) - 1);
	return xa_load(&bp->blocks, pfn >> bp->order);
}

/* *@spare: used up if needed.  Return: the block of a page, or NULL. */
static struct balloon_block *block_get(struct balloon_pages *bp,
				       struct page *page, unsigned int *bit,
				       struct balloon_block **spare)
{
	struct balloon_block *b = block_of(bp, page, bit);

	if (b)
		return b;
	b = spare ? *spare : NULL;
	if (!b)
		b = kzalloc(sizeof(*b), MOVE_GFP);
	if (!b)
		return NULL;
	if (spare)
		*spare = NULL;
	b->index = page_to_pfn(page) >> bp->order;
	INIT_LIST_HEAD(&b->node);
	mobility_block_init(bp, b);
	if (!xa_err(xa_store(&bp->blocks, b->index, b, MOVE_GFP)))
		return b;
	kfree(b);
	return NULL;
}

/* An empty one.  It stays where a page may come back to it while it is in use. */
static void block_put(struct balloon_pages *bp, struct balloon_block *b)
{
	if (!mobility_block_is_idle(b)) {
		list_move(&b->node, &bp->spent_blocks);
		return;
	}
	list_del(&b->node);
	xa_erase(&bp->blocks, b->index);
	kfree(b);
}

/* Frees what is done with.  Return: whether that is all. */
static bool blocks_put_spent(struct balloon_pages *bp)
{
	struct balloon_block *b, *next;

	lockdep_assert_held(&bp->lock);
	list_for_each_entry_safe(b, next, &bp->spent_blocks, node)
		block_put(bp, b);
	return list_empty(&bp->spent_blocks);
}

static bool block_is_whole(struct balloon_pages *bp, struct balloon_block *b)
{
	return b->nr == block_pages(bp);
}

/*
 * After each change of a block's pages: counts them, and has the block on the
 * list where it belongs, as the youngest or the oldest there.  It may be freed.
 */
static void block_changed(struct balloon_pages *bp, struct balloon_block *b,
			  int change, bool youngest)
{
	bool was_whole = block_is_whole(bp, b), was_in = b->nr;
	struct list_head *list = &bp->partial_blocks;

	lockdep_assert_held(&bp->lock);
	*(was_whole ? &bp->whole : &bp->listed) -= b->nr;
	b->nr += change;
	*(block_is_whole(bp, b) ? &bp->whole : &bp->listed) += b->nr;

	if (!b->nr && !b->away) {
		block_put(bp, b);
		return;
	}
	if (!b->nr) {
		list_del_init(&b->node);
		return;
	}
	if (block_is_whole(bp, b))
		list = &bp->whole_blocks;
	if (was_in && was_whole == block_is_whole(bp, b))
		return;
	if (youngest)
		list_move_tail(&b->node, list);
	else
		list_move(&b->node, list);
}

/* A chunk becomes one of @arrived, or none any more. */
static void arrived_count(struct balloon_pages *bp, struct page *first, bool in)
{
	unsigned long nr = in ? chunk_pages(first) : -chunk_pages(first);

	lockdep_assert_held(&bp->lock);
	*(chunk_order(first) == bp->order ? &bp->whole : &bp->listed) += nr;
}

static void arrive(struct balloon_pages *bp, struct page *first)
{
	struct page *second;

	if (chunk_order(first) > bp->order) {
		second = chunk_halve(first);
		arrive(bp, first);
		arrive(bp, second);
		return;
	}
	if (list_empty(&bp->arrived))
		bp->publish_by = jiffies + PUBLISH_LATEST;
	list_add_tail(&first->lru, &bp->arrived);
	arrived_count(bp, first, true);
}

/* Once inflating pauses. */
static void publish_soon(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	if (!bp->closed && !list_empty(&bp->arrived)) {
		if (time_before(jiffies, bp->publish_by))
			mod_delayed_work(compat_unbound_wq, &bp->publish_work,
					 PUBLISH_IDLE);
		else
			queue_delayed_work(compat_unbound_wq, &bp->publish_work, 0);
	}
	spin_unlock(&bp->lock);
}

/* Return: how many pages; 0 without memory, or if somebody has the first one's lock. */
static unsigned long publish_chunk(struct balloon_pages *bp, struct page *first,
				   struct balloon_block **spare)
{
	unsigned long nr = chunk_pages(first);
	struct balloon_block *b;
	unsigned int bit;

	b = block_get(bp, first, &bit, spare);
	if (!b)
		return 0;
	arrived_count(bp, first, false);
	list_del(&first->lru);
	if (!mobility_publish(bp, b, first)) {
		/* Others before it, next time. */
		arrive(bp, first);
		nr = 0;
	}
	bitmap_set(b->in, bit, nr);
	block_changed(bp, b, nr, true);
	return nr;
}

/* Return: whether all is published. */
static bool publish(struct balloon_pages *bp)
{
	struct balloon_block *spare = NULL;
	unsigned int failed = 0;
	bool done = false;

	while (!done && failed < PAGES_TRIES) {
		if (!spare)
			spare = kzalloc(sizeof(*spare), PUBLISH_GFP);
		spin_lock(&bp->lock);
		done = list_empty(&bp->arrived);
		if (!done && !publish_chunk(bp, list_first_entry(&bp->arrived,
								 struct page, lru),
					    &spare))
			failed++;
		spin_unlock(&bp->lock);
		cond_resched();
	}
	kfree(spare);
	return done;
}

static void publish_work(struct work_struct *work)
{
	struct balloon_pages *bp = container_of(work, struct balloon_pages,
						publish_work.work);

	publish(bp);
	spin_lock(&bp->lock);
	blocks_put_spent(bp);
	/* What is left is tried again after a pause. */
	bp->publish_by = jiffies + PUBLISH_LATEST;
	spin_unlock(&bp->lock);
	publish_soon(bp);
}

/**
 * pages_publish_all() - let the kernel know of all pages
 * @bp: the balloon
 *
 * Context: may sleep; a second at most for want of memory, or as somebody holds
 * the lock of a page: then it does not know of some.
 */
void pages_publish_all(struct balloon_pages *bp)
{
	unsigned int pauses = 0;

	while (!publish(bp) && pauses++ < PUBLISH_PAUSES)
		schedule_timeout_uninterruptible(1);
}

/**
 * pages_init() - an empty balloon
 * @bp: zeroed
 * @block_size: bytes that the host likes to have together; 0 if unknown
 */
void pages_init(struct balloon_pages *bp, u32 block_size)
{
	u32 nr = block_size >> PAGE_SHIFT;

	bp->order = BALLOON_BLOCK_ORDER;
	if (nr >= 2 && is_power_of_2(nr) && nr <= 1U << BALLOON_MAX_ORDER)
		bp->order = ilog2(nr);
	mobility_init(&bp->mobility);
	spin_lock_init(&bp->lock);
	xa_init(&bp->blocks);
	INIT_LIST_HEAD(&bp->whole_blocks);
	INIT_LIST_HEAD(&bp->partial_blocks);
	INIT_LIST_HEAD(&bp->spent_blocks);
	INIT_LIST_HEAD(&bp->arrived);
	init_waitqueue_head(&bp->returned);
	INIT_DELAYED_WORK(&bp->publish_work, publish_work);
}

/**
 * pages_exit() - free what the book needed
 * @bp: closed, or never opened, and empty
 */
void pages_exit(struct balloon_pages *bp)
{
	WARN_ON_ONCE(!xa_empty(&bp->blocks));
	xa_destroy(&bp->blocks);
}

/**
 * pages_open() - let pages be moved (again)
 * @bp: initialised
 */
void pages_open(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = false;
	spin_unlock(&bp->lock);
}

static unsigned long pages_in_callbacks(struct balloon_pages *bp)
{
	return READ_ONCE(bp->isolated) + READ_ONCE(bp->moving);
}

/* A callback has done with a page; the lock held. */
static void pages_tell_closer(struct balloon_pages *bp)
{
	lockdep_assert_held(&bp->lock);
	if (bp->closed && !pages_in_callbacks(bp))
		wake_up_all(&bp->returned);
}

/**
 * pages_close() - no moves any more; wait for isolated pages to come back
 * @bp: open
 *
 * Who isolated a page gives it back or migrates it without our help, so the
 * wait ends; if that takes long it says so.  A callback that is about to
 * return may still be in our text: it holds the lock of a page that must be
 * taken, under that lock, before the balloon is empty.
 *
 * A kernel that isolates without asking us goes on doing so, and puts those
 * pages back unmoved; pages_await_lock() waits for them.
 *
 * Context: may sleep.
 */
void pages_close(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->closed = true;
	spin_unlock(&bp->lock);
	cancel_delayed_work_sync(&bp->publish_work);

	while (!wait_event_timeout(bp->returned, !pages_in_callbacks(bp), 10 * HZ))
		pr_warn("waiting for %lu pages that memory compaction holds\n",
			pages_in_callbacks(bp));
	/* Who woke us has let go of the lock when we get it. */
	spin_lock(&bp->lock);
	spin_unlock(&bp->lock);
}

static unsigned long pages_enter(struct balloon_pages *bp, struct list_head *chunks,
				 bool exchanged)
{
	struct page *page, *next;
	unsigned long nr = 0;

	spin_lock(&bp->lock);
	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		nr += chunk_pages(page);
		arrive(bp, page);
	}
	/* Under the same lock: nobody sees the balloon larger than it is. */
	if (exchanged)
		bp->exchanging -= nr;
	spin_unlock(&bp->lock);
	publish_soon(bp);
	return nr;
}

/**
 * pages_add() - take chunks into the balloon
 * @bp: the balloon
 * @chunks: one reference each, known to nobody else, acknowledged by the host
 *	(I1); empty on return
 *
 * Context: process; does not sleep.
 */
void pages_add(struct balloon_pages *bp, struct list_head *chunks)
{
	count_vm_events(BALLOON_INFLATE, pages_enter(bp, chunks, false));
}

/*
 * Makes chunks of pages that left a block.  Those beyond @max_runs runs go back
 * into the balloon: a request may have no room to name them.
 * Return: runs.
 */
static unsigned long block_link(struct balloon_pages *bp, struct page *first,
				const unsigned long *claimed,
				unsigned long max_runs, unsigned long *nr,
				struct list_head *chunks)
{
	unsigned long size = block_pages(bp), at = 0, end, runs = 0;
	LIST_HEAD(back);

	while ((at = find_next_bit(claimed, size, at)) < size) {
		end = find_next_zero_bit(claimed, size, at);
		if (runs < max_runs) {
			chunk_link_run(first + at, end - at, chunks);
			runs++;
		} else {
			chunk_link_run(first + at, end - at, &back);
		}
		at = end;
	}
	if (!list_empty(&back))
		*nr -= pages_enter(bp, &back, false);
	return runs;
}

/* Takes up to @max pages off a block.  Return: how many, their bits in @claimed. */
static unsigned long block_take(struct balloon_pages *bp, struct balloon_block *b,
				unsigned long max, unsigned long *claimed)
{
	unsigned long nr;

	bitmap_zero(claimed, BALLOON_BLOCK_MAX);
	nr = mobility_claim(bp, b, min(max, block_pages(bp)), claimed);
	bitmap_andnot(b->in, b->in, claimed, BALLOON_BLOCK_MAX);
	if (nr)
		block_changed(bp, b, -(int)nr, true);
	else
		/* All are locked or isolated: next time others come first. */
		list_move(&b->node, block_is_whole(bp, b) ? &bp->whole_blocks :
							    &bp->partial_blocks);
	return nr;
}

/* Takes pages of the youngest block on a list.  Return: how many. */
static unsigned long blocks_take(struct balloon_pages *bp, struct list_head *blocks,
				 unsigned long max, unsigned long *max_chunks,
				 struct list_head *chunks)
{
	DECLARE_BITMAP(claimed, BALLOON_BLOCK_MAX);
	struct page *first = NULL;
	struct balloon_block *b;
	unsigned long nr = 0;

	spin_lock(&bp->lock);
	blocks_put_spent(bp);
	if (!list_empty(blocks)) {
		b = list_last_entry(blocks, struct balloon_block, node);
		/* Each page may be a run of its own. */
		if (max < block_pages(bp) || !block_is_whole(bp, b))
			max = min(max, *max_chunks);
		first = pages_block_first(bp, b);
		nr = block_take(bp, b, max, claimed);
	}
	spin_unlock(&bp->lock);
	if (nr)
		*max_chunks -= block_link(bp, first, claimed, *max_chunks, &nr,
					  chunks);
	return nr;
}

/* Takes chunks that arrived, of @max pages at most.  Return: pages. */
static unsigned long arrived_take(struct balloon_pages *bp, unsigned long max,
				  unsigned long *max_chunks,
				  struct list_head *chunks)
{
	unsigned long nr = 0, left = min(*max_chunks, PAGES_PER_HOLD + 0UL);
	struct page *first;
	LIST_HEAD(taken);

	spin_lock(&bp->lock);
	for (; left && !list_empty(&bp->arrived); left--) {
		first = list_last_entry(&bp->arrived, struct page, lru);
		if (nr + chunk_pages(first) > max)
			break;
		nr += chunk_pages(first);
		--*max_chunks;
		arrived_count(bp, first, false);
		/* As they came: those that follow each other go as one range. */
		list_move(&first->lru, &taken);
	}
	spin_unlock(&bp->lock);
	list_splice_tail(&taken, chunks);
	return nr;
}

/* Cuts the youngest chunk that arrived in two.  Return: whether there is one. */
static bool arrived_halve(struct balloon_pages *bp)
{
	struct page *first = NULL;

	spin_lock(&bp->lock);
	if (!list_empty(&bp->arrived))
		first = list_last_entry(&bp->arrived, struct page, lru);
	if (first && chunk_order(first)) {
		list_del(&first->lru);
		arrived_count(bp, first, false);
		arrive(bp, chunk_halve(first));
		arrive(bp, first);
	}
	spin_unlock(&bp->lock);
	return first;
}

/**
 * pages_take() - take chunks out of the balloon
 * @bp: the balloon
 * @max: pages at most
 * @max_chunks: chunks at most, or runs of chunks that follow each other
 * @chunks: they are added here, with the balloon's reference
 *
 * What is whole first; it is broken up only for want of pieces.
 *
 * Context: process; may be rescheduled.  Return: how many pages; fewer than @max,
 * even none, when the rest is isolated or locked just now.
 */
unsigned long pages_take(struct balloon_pages *bp, unsigned long max,
			 unsigned long max_chunks, struct list_head *chunks)
{
	unsigned long nr = 0, left, got;
	unsigned int failed = 0;

	while (nr < max && max_chunks && failed < PAGES_TRIES) {
		left = max - nr;
		got = arrived_take(bp, left, &max_chunks, chunks);
		if (!got && left >= block_pages(bp))
			got = blocks_take(bp, &bp->whole_blocks, left,
					  &max_chunks, chunks);
		if (!got)
			got = blocks_take(bp, &bp->partial_blocks, left,
					  &max_chunks, chunks);
		if (!got && arrived_halve(bp))
			continue;
		if (!got)
			got = blocks_take(bp, &bp->whole_blocks, left,
					  &max_chunks, chunks);
		nr += got;
		failed = got ? 0 : failed + 1;
		if (!got && !READ_ONCE(bp->listed) && !READ_ONCE(bp->whole))
			break;
		cond_resched();
	}
	count_vm_events(BALLOON_DEFLATE, nr);
	return nr;
}

/**
 * pages_await_lock() - sleep until a page that pages_take() had to skip may be had
 * @bp: the balloon, closed
 *
 * Context: may sleep, a tick.
 * Return: whether there is a page, or the kernel is not done with one that left.
 */
bool pages_await_lock(struct balloon_pages *bp)
{
	bool none;

	spin_lock(&bp->lock);
	none = blocks_put_spent(bp) && !bp->listed && !bp->whole;
	spin_unlock(&bp->lock);
	if (none)
		return false;
	schedule_timeout_uninterruptible(1);
	return true;
}

/**
 * pages_size() - size of the balloon in guest pages
 * @bp: the balloon
 *
 * Counts what is on its way in by migration or an exchange (it replaces what
 * left), not what an inflate or deflate has in flight.
 */
unsigned long pages_size(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed + bp->whole + bp->isolated + bp->pending + bp->exchanging;
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * pages_fragmented() - pages that lie in no block that is whole
 * @bp: the balloon
 */
unsigned long pages_fragmented(struct balloon_pages *bp)
{
	unsigned long nr;

	spin_lock(&bp->lock);
	nr = bp->listed;
	spin_unlock(&bp->lock);
	return nr;
}

/**
 * pages_look() - which pages of a block are the balloon's
 * @bp: the balloon
 * @first: the block's first page; only its number is looked at
 * @ours: BALLOON_BLOCK_MAX bits, filled in; those that moves hold, too
 *
 * Context: process; does not sleep.  Return: how many.
 */
unsigned long pages_look(struct balloon_pages *bp, struct page *first,
			 unsigned long *ours)
{
	struct balloon_block *b;
	unsigned int bit;

	bitmap_zero(ours, BALLOON_BLOCK_MAX);
	spin_lock(&bp->lock);
	b = block_of(bp, first, &bit);
	if (b) {
		bitmap_or(ours, b->in, b->isolated, BALLOON_BLOCK_MAX);
		bitmap_or(ours, ours, b->pending, BALLOON_BLOCK_MAX);
	}
	spin_unlock(&bp->lock);
	return bitmap_weight(ours, BALLOON_BLOCK_MAX);
}

/**
 * pages_take_block() - take pages of one block, for an exchange
 * @bp: the balloon
 * @first: the block's first page; only its number is looked at
 * @max: to take at most
 * @chunks: they are added here in order, with the balloon's reference
 *
 * Until others come in their place (pages_add_exchanged()), or it is known that
 * none will (pages_lose_exchanged()), they count as the balloon's.
 *
 * Context: process; does not sleep.
 * Return: how many; without those that migration holds just now.
 */
unsigned long pages_take_block(struct balloon_pages *bp, struct page *first,
			       unsigned long max, struct list_head *chunks)
{
	DECLARE_BITMAP(claimed, BALLOON_BLOCK_MAX);
	struct balloon_block *b;
	unsigned long nr = 0;
	unsigned int bit;

	spin_lock(&bp->lock);
	b = block_of(bp, first, &bit);
	if (b && b->nr && max && !bp->closed)
		nr = block_take(bp, b, max, claimed);
	bp->exchanging += nr;
	spin_unlock(&bp->lock);
	if (nr)
		block_link(bp, first, claimed, ULONG_MAX, &nr, chunks);
	count_vm_events(BALLOON_DEFLATE, nr);
	return nr;
}

/**
 * pages_add_exchanged() - pages come for others that pages_take_block() took
 * @bp: the balloon
 * @chunks: as for pages_add()
 *
 * Context: process; does not sleep.
 */
void pages_add_exchanged(struct balloon_pages *bp, struct list_head *chunks)
{
	count_vm_events(BALLOON_INFLATE, pages_enter(bp, chunks, true));
}

/**
 * pages_lose_exchanged() - nothing comes for pages that pages_take_block() took
 * @bp: the balloon; smaller by @nr pages from now on
 * @nr: how many
 *
 * Context: process; does not sleep.
 */
void pages_lose_exchanged(struct balloon_pages *bp, unsigned long nr)
{
	spin_lock(&bp->lock);
	bp->exchanging -= nr;
	spin_unlock(&bp->lock);
}

/**
 * pages_begin_move() - a migrate callback begins
 * @bp: the balloon
 *
 * Where the kernel's core isolates pages it calls us whenever it likes, also when
 * the queues are gone.  On success the callback must call pages_moved() at its end.
 *
 * Context: migration callback; does not sleep.
 * Return: false when the balloon is closed: the page is to be put back.
 */
bool pages_begin_move(struct balloon_pages *bp)
{
	bool ok;

	spin_lock(&bp->lock);
	ok = !bp->closed;
	bp->moving += ok;
	spin_unlock(&bp->lock);
	return ok;
}

/**
 * pages_moved() - a migrate callback is about to return
 * @bp: the balloon; not to be touched after this
 */
void pages_moved(struct balloon_pages *bp)
{
	spin_lock(&bp->lock);
	bp->moving--;
	pages_tell_closer(bp);
	spin_unlock(&bp->lock);
}

/**
 * pages_isolate() - hand a page to migration
 * @bp: the balloon that @page leads to
 * @page: locked
 *
 * Context: migration callback; does not sleep.
 * Return: false if the page is not to be had (any more).
 */
bool pages_isolate(struct balloon_pages *bp, struct page *page)
{
	struct balloon_block *b;
	unsigned int bit;
	bool ok;

	spin_lock(&bp->lock);
	b = block_of(bp, page, &bit);
	ok = b && !bp->closed && test_bit(bit, b->in);
	if (ok) {
		__clear_bit(bit, b->in);
		__set_bit(bit, b->isolated);
		b->away++;
		bp->isolated++;
		block_changed(bp, b, -1, true);
	}
	spin_unlock(&bp->lock);
	return ok;
}

/* A page of a block is at rest again; the lock held. */
static void block_page_rests(struct balloon_pages *bp, struct balloon_block *b,
			     unsigned int bit)
{
	b->away--;
	__set_bit(bit, b->in);
	/* The oldest: who takes pages next might find it still locked. */
	block_changed(bp, b, 1, false);
}

/**
 * pages_putback() - migration gives a page back unmoved
 * @bp: the balloon
 * @page: locked, isolated
 *
 * Context: migration callback; does not sleep.
 */
void pages_putback(struct balloon_pages *bp, struct page *page)
{
	struct balloon_block *b;
	unsigned int bit;

	spin_lock(&bp->lock);
	b = block_of(bp, page, &bit);
	__clear_bit(bit, b->isolated);
	bp->isolated--;
	block_page_rests(bp, b, bit);
	pages_tell_closer(bp);
	spin_unlock(&bp->lock);
}

/* A page leaves its block for good by a move; the lock held. */
static void block_lose_page(struct balloon_pages *bp, struct balloon_block *b,
			    unsigned int bit)
{
	if (__test_and_clear_bit(bit, b->in)) {
		/* Isolated by the kernel's core, which did not say so. */
		block_changed(bp, b, -1, true);
		return;
	}
	__clear_bit(bit, b->isolated);
	bp->isolated--;
	b->away--;
	block_changed(bp, b, 0, true);
}

/**
 * pages_replace() - put a page in the place of an isolated one
 * @bp: the balloon
 * @page: locked, isolated; on success the caller's, with the balloon's
 *	reference, but still linked by the kernel through page->lru
 * @newpage: locked; on success the balloon's, pending, with a reference more
 *
 * Context: migration callback; does not sleep.
 * Return: false when the balloon is closing, or there is no memory to enter
 * @newpage: the page is to be put back.
 */
bool pages_replace(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	struct balloon_block *b = NULL;
	unsigned int bit;

	spin_lock(&bp->lock);
	if (!bp->closed)
		b = block_get(bp, newpage, &bit, NULL);
	if (b) {
		__set_bit(bit, b->pending);
		b->away++;
		bp->pending++;
		block_changed(bp, b, 0, true);
		get_page(newpage);
		mobility_move(bp, page, newpage);
		b = block_of(bp, page, &bit);
		block_lose_page(bp, b, bit);
	}
	spin_unlock(&bp->lock);
	if (b)
		count_vm_event(BALLOON_MIGRATE);
	return b;
}

/**
 * pages_acked() - the host knows of a page of pages_replace()
 * @bp: the balloon
 * @page: pending
 *
 * Context: process; does not sleep.
 */
void pages_acked(struct balloon_pages *bp, struct page *page)
{
	struct balloon_block *b;
	unsigned int bit;

	spin_lock(&bp->lock);
	b = block_of(bp, page, &bit);
	__clear_bit(bit, b->pending);
	bp->pending--;
	mobility_settle(b, page);
	block_page_rests(bp, b, bit);
	spin_unlock(&bp->lock);
}

/**
 * pages_refused() - undo pages_replace(): the host refused the move
 * @bp: the balloon
 * @page: the old page; the balloon's again
 * @newpage: pending; freed
 *
 * Context: process; does not sleep.
 * Return: false while the kernel's migration is not done with both pages: it
 * unlinks @page, then drops its reference.  Try again later.
 */
bool pages_refused(struct balloon_pages *bp, struct page *page,
		   struct page *newpage)
{
	struct balloon_block *b;
	unsigned int bit;

	if (!mobility_undo_move(page, newpage))
		return false;
	spin_lock(&bp->lock);
	b = block_of(bp, newpage, &bit);
	__clear_bit(bit, b->pending);
	b->away--;
	bp->pending--;
	block_changed(bp, b, 0, true);
	chunk_set_order(page, 0);
	arrive(bp, page);
	spin_unlock(&bp->lock);
	publish_soon(bp);
	put_page(newpage);
	return true;
}

/**
 * pages_last_isolated() - whether migration holds no page of ours but this
 * @bp: the balloon
 * @page: locked, isolated
 *
 * Asked by a migrate callback: whether more callbacks are to come soon.  Where
 * the kernel's core isolates pages it counts them block by block: who moves pages
 * of several is told so once a block.
 */
bool pages_last_isolated(struct balloon_pages *bp, struct page *page)
{
	struct balloon_block *b;
	unsigned int bit;
	bool last;

	spin_lock(&bp->lock);
	b = block_of(bp, page, &bit);
	last = b && mobility_isolated(bp, b) <= 1;
	spin_unlock(&bp->lock);
	return last;
}
