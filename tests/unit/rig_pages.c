// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of the device of rig.h: finding one, and the book held against the
 * frames (I3) at any moment at which nobody holds a lock.
 */
#include "rig.h"

/* None unpublished. */
void rig_break_blocks(void)
{
	rig_publish_blocks();
}

/* The first page of the oldest whole block. */
struct page *rig_block(void)
{
	struct balloon_pages *bp = &rig->pages;

	sim_check(!list_empty(&bp->whole_blocks), "no whole block where the test needs one");
	return pages_block_first(bp, list_first_entry(&bp->whole_blocks, struct balloon_block,
						      node));
}

static struct balloon_block *block_at(unsigned long i)
{
	return xa_load(&rig->pages.blocks, (VM_PFN_BASE + i) >> rig->pages.order);
}

static unsigned int bit_at(unsigned long i)
{
	return (VM_PFN_BASE + i) & ((1UL << rig->pages.order) - 1);
}

/* Whether the book has an entry for a page's block. */
bool rig_block_is_known(const struct page *page)
{
	return block_at(vm_index(page));
}

/* Whether the book says that a page can be isolated. */
bool rig_is_listed(const struct page *page)
{
	unsigned long i = vm_index(page);
	struct balloon_block *b = block_at(i);

	/* The kernel's core isolates without telling. */
	return b && test_bit(bit_at(i), b->in) && !page->isolated;
}

/* The first frame of the block with the most pages that can be isolated. */
static unsigned long fullest(void)
{
	unsigned long size = 1UL << rig->pages.order, best = 0, most = 0;

	for (unsigned long first = 0; first < vm_nr_frames; first += size) {
		unsigned long n = 0;

		for (unsigned long i = first; i < first + size && i < vm_nr_frames; i++)
			n += rig_is_listed(&vm_frames[i]);
		if (n > most) {
			most = n;
			best = first;
		}
	}
	return best;
}

/* A page that can be isolated; so many of them are before it, first those of its block. */
struct page *rig_listed(unsigned long skip)
{
	unsigned long from = fullest();

	for (unsigned long i = 0; i < vm_nr_frames; i++) {
		struct page *page = &vm_frames[(from + i) % vm_nr_frames];

		if (rig_is_listed(page) && !skip--)
			return page;
	}
	sim_fail("fewer pages in the book than the test needs");
}

static void check_host(const struct page *page, const char *what)
{
	sim_check(page->host == VM_HOST_IN || !host.ready, "frame %lu is %s while host state is %d",
		  vm_index(page), what, page->host);
}

struct sums {
	unsigned long in, isolated, pending, whole, listed;
};

/* Each page that the book names is what it says. */
static void check_page(struct balloon_block *b, struct page *page, unsigned int bit,
		       struct sums *sums)
{
	bool in = test_bit(bit, b->in), isolated = test_bit(bit, b->isolated);
	bool pending = test_bit(bit, b->pending);

	sim_check(in + isolated + pending <= 1, "frame %lu is in %d states", vm_index(page),
		  in + isolated + pending);
	if (in || isolated) {
		check_host(page, in ? "in the balloon" : "isolated");
		sim_check(page->offline && vm_owned(page), "frame %lu cannot be moved",
			  vm_index(page));
	}
	/* Else nobody could find it. */
	sim_check(in || isolated || pending || vm_core_keeps || !vm_owned(page),
		  "frame %lu leads to the driver, which does not know it", vm_index(page));
	sums->in += in;
	sums->isolated += isolated;
	sums->pending += pending;
}

static void check_blocks(struct balloon_pages *bp, struct sums *sums)
{
	unsigned long size = 1UL << bp->order;
	struct balloon_block *b = NULL;
	unsigned int nr = 0, away = 0;

	for (unsigned long i = 0; i < vm_nr_frames; i++) {
		struct sums before = *sums;

		if (block_at(i) != b || !bit_at(i)) {
			b = block_at(i);
			nr = away = 0;
		}
		if (!b) {
			sim_check(vm_core_keeps || !vm_owned(&vm_frames[i]),
				  "frame %lu leads to the driver, which does not know it", i);
			continue;
		}
		check_page(b, &vm_frames[i], bit_at(i), sums);
		nr += sums->in - before.in;
		away += sums->isolated - before.isolated + sums->pending - before.pending;
		if (bit_at(i) + 1 < size && i + 1 < vm_nr_frames)
			continue;
		sim_check(nr == b->nr && away == b->away,
			  "a block with %u pages in, %u away counts %u, %u", nr, away, b->nr,
			  b->away);
		*(nr == size ? &sums->whole : &sums->listed) += nr;
	}
}

static void check_lists(struct balloon_pages *bp)
{
	struct balloon_block *b;

	list_for_each_entry(b, &bp->whole_blocks, node)
		sim_check(b->nr == 1U << bp->order, "a block of %u pages among the whole", b->nr);
	list_for_each_entry(b, &bp->partial_blocks, node)
		sim_check(b->nr && b->nr < 1U << bp->order, "a block of %u pages in pieces", b->nr);
	list_for_each_entry(b, &bp->spent_blocks, node)
		sim_check(!b->nr && !b->away, "a block of %u pages is spent", b->nr + b->away);
}

static void check_arrived(struct balloon_pages *bp, struct sums *sums)
{
	struct page *first;

	list_for_each_entry(first, &bp->arrived, lru) {
		unsigned long n = chunk_pages(first);

		for (unsigned long i = 0; i < n; i++) {
			check_host(&first[i], "unpublished");
			sim_check(!vm_owned(&first[i]), "page %lu of %lu can be moved already", i,
				  n);
		}
		*(chunk_order(first) == bp->order ? &sums->whole : &sums->listed) += n;
	}
}

#ifdef HAVE_MOBILITY_CORE
/* What leaves the core's list stays among the isolated until the callback has returned. */
static void check_core(struct balloon_pages *bp, struct sums *sums)
{
	for (unsigned long i = 0; i < vm_nr_frames; i += 1UL << bp->order) {
		struct balloon_block *b = block_at(i);
		unsigned long n = 0;
		struct page *page;

		if (!b)
			continue;
		list_for_each_entry(page, &b->mobility.info.pages, lru) {
			sim_check(page->private == (unsigned long)&b->mobility.info &&
				  block_at(vm_index(page)) == b &&
				  test_bit(bit_at(vm_index(page)), b->in),
				  "frame %lu is in another block's list", vm_index(page));
			n++;
		}
		sim_check(n <= b->nr && b->nr <= n + b->mobility.info.isolated_pages,
			  "%lu pages in a block's list, %lu isolated, counted %u (I3)", n,
			  b->mobility.info.isolated_pages, b->nr);
	}
	sim_check(vm_balloon_pages == (long)sums->in, "the node counts %ld pages, we %lu (I3)",
		  vm_balloon_pages, sums->in);
}
#else
static void check_core(struct balloon_pages *bp, struct sums *sums)
{
}
#endif

/* I3 as far as it holds at any moment. */
void rig_check(void)
{
	struct balloon_pages *bp = &rig->pages;
	struct sums sums = {};

	if (bp->lock.owner || vm_core_busy())
		return;
	check_blocks(bp, &sums);
	check_core(bp, &sums);
	check_lists(bp);
	check_arrived(bp, &sums);
	sim_check(sums.whole == bp->whole, "%lu in blocks, counted %lu (I3)", sums.whole,
		  bp->whole);
	sim_check(sums.listed == bp->listed, "%lu in pieces, counted %lu (I3)", sums.listed,
		  bp->listed);
	sim_check(sums.isolated == bp->isolated, "%lu isolated, counted %lu (I3)", sums.isolated,
		  bp->isolated);
	sim_check(sums.pending == bp->pending, "%lu pending, counted %lu (I3)", sums.pending,
		  bp->pending);
}
