// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page frames of the model: allocation, freeing and counters.  Checks at each
 * step what a debugging kernel checks, and that no frame becomes free while the
 * host may take it for ballooned (I2).  References, locks and marks are in
 * vm_page.c.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/tracepoint.h>

struct page *vm_frames;
unsigned long vm_nr_frames;
struct sim_node sim_node;
long vm_events[NR_VM_EVENT_ITEMS];
void (*vm_hook)(enum vm_point at, struct page *page);
struct page *(*vm_new_frame)(void);
struct vm_range vm_no_alloc;
void (*vm_reclaim)(void);
void (*sim_trace_hook)(const char *name);
int sim_allocs_left;
unsigned int sim_log_lines;
char sim_log_last[256];
bool sim_big_endian, sim_init_on_free, sim_page_poisoning;

static unsigned long nr_free;

/* Whoever touches lru, private or index of a free frame is stopped by ASan. */
static void hide(struct page *page)
{
	ASAN_POISON_MEMORY_REGION(page, offsetof(struct page, mapping));
}

static void unhide(struct page *page)
{
	ASAN_UNPOISON_MEMORY_REGION(page, offsetof(struct page, mapping));
}

void vm_start(unsigned long frames)
{
	free(vm_frames);
	vm_frames = calloc(frames, sizeof(*vm_frames));
	sim_check(vm_frames, "no memory for %lu frames", frames);
	vm_nr_frames = nr_free = frames;
	for (unsigned long i = 0; i < frames; i++)
		hide(&vm_frames[i]);
	for (int z = 0; z < VM_ZONES; z++)
		vm_zone[z] = (struct zone){
			.managed = frames / VM_ZONES,
			.zone_start_pfn = VM_PFN_BASE + frames / VM_ZONES * z,
			.spanned = frames / VM_ZONES,
		};
	memset(vm_events, 0, sizeof(vm_events));
	vm_hook = NULL;
	sim_trace_hook = NULL;
	vm_new_frame = NULL;
	vm_reclaim = NULL;
	vm_move_guest = NULL;
	vm_no_alloc.n = 0;
	sim_allocs_left = -1;
	sim_log_lines = 0;
	sim_big_endian = sim_init_on_free = sim_page_poisoning = false;
}

/* After this every frame must be free: what is not was leaked. */
void vm_end(void)
{
	for (unsigned long i = 0; i < vm_nr_frames; i++) {
		struct page *page = &vm_frames[i];

		sim_check(page->owner == VM_FREE,
			  "frame %lu leaked: owner %d, %d references, host %d", i, page->owner,
			  page->count, page->host);
		unhide(page);
	}
	for (int z = 0; z < VM_ZONES; z++)
		sim_check(vm_zone[z].managed == (long)(vm_nr_frames / VM_ZONES),
			  "zone %d manages %ld pages in the end", z, vm_zone[z].managed);
	free(vm_frames);
	vm_frames = NULL;
}

void vm_take_frame(struct page *page, enum vm_owner owner)
{
	sim_check(page->owner == VM_FREE && page->host == VM_HOST_OUT,
		  "frame %lu handed out while host state is %d (I2)", vm_index(page), page->host);
	unhide(page);
	/* What the last owner left there is any number. */
	*page = (struct page){ .owner = owner, .private = 1, .index = 3 };
	nr_free--;
}

static bool may_be_given(struct page *page)
{
	return page->owner == VM_FREE &&
	       (page < vm_no_alloc.first || page >= vm_no_alloc.first + vm_no_alloc.n);
}

/* The first free run of aligned frames from a random place. */
static struct page *find_free(unsigned int order)
{
	unsigned long blocks = vm_nr_frames >> order, from = sim_rand(blocks);

	for (unsigned long b = 0; b < blocks; b++) {
		struct page *first = &vm_frames[(from + b) % blocks << order];
		unsigned long n = 0;

		while (n < 1UL << order && may_be_given(&first[n]))
			n++;
		if (n == 1UL << order)
			return first;
	}
	return NULL;
}

static struct page *alloc_block(unsigned int order, enum vm_owner owner)
{
	struct page *first = nr_free >> order ? find_free(order) : NULL;

	if (!first)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++)
		vm_take_frame(&first[i], owner);
	first->private = 0;
	first->count = 1;
	return first;
}

struct page *vm_alloc(enum vm_owner owner)
{
	return alloc_block(0, owner);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	struct page *page;

	sim_gfp(gfp);
	page = alloc_block(order, VM_BALLOON);
	/* An allocation may end up in compaction, in this very task. */
	if (!page && (gfp & __GFP_RECLAIM) && vm_reclaim) {
		vm_reclaim();
		page = alloc_block(order, VM_BALLOON);
	}
	return page;
}

void split_page(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < 1UL << order; i++) {
		sim_check(!i == !!page[i].count, "frame %lu split off a block with %d references",
			  vm_index(page + i), page[i].count);
		page[i].count += i > 0;
	}
}

/* The last reference is gone. */
void vm_free_frame(struct page *page)
{
	unsigned long i = vm_index(page);

	sim_check(page->owner != VM_FREE, "frame %lu freed twice", i);
	sim_check(page->host == VM_HOST_OUT,
		  "frame %lu freed while the host may take it for ballooned: state %d (I1, I2)",
		  i, page->host);
	sim_check(!page->locker, "frame %lu freed while %s holds its lock", i,
		  page->locker ? page->locker->name : "");
	sim_check(vm_core_keeps || !page->offline, "frame %lu freed with its offline mark", i);
	sim_check(!vm_owned(page), "frame %lu freed while it leads to a driver", i);
	page->owner = VM_FREE;
	page->mapping = NULL;
	page->isolated = page->offline = page->movable_ops = false;
	hide(page);
	nr_free++;
}

/*
 * A block that is not compound: its first page has the reference, the others
 * none, no mapping and no mark.  Who looks at the first page just now keeps that alone.
 */
void __free_pages(struct page *page, unsigned int order)
{
	sim_check(page->count > 0, "frame %lu: freed by who has no reference", vm_index(page));
	for (unsigned long i = 1; i < 1UL << order; i++) {
		sim_check(!page[i].count && !page[i].mapping && !page[i].offline,
			  "frame %lu freed inside a block: %d references, mapping %p, offline %d",
			  vm_index(page + i), page[i].count, page[i].mapping, page[i].offline);
		vm_free_frame(&page[i]);
	}
	put_page(page);
}

unsigned long page_to_pfn(struct page *page)
{
	return VM_PFN_BASE + vm_index(page);
}

struct zone *page_zone(struct page *page)
{
	return &vm_zone[vm_index(page) * VM_ZONES / vm_nr_frames];
}

void adjust_managed_page_count(struct page *page, long n)
{
	page_zone(page)->managed += n;
}

unsigned long totalram_pages(void)
{
	unsigned long n = 0;

	for (int z = 0; z < VM_ZONES; z++)
		n += vm_zone[z].managed;
	return n;
}

/* Files: there are none, unless a test knows better. */
__attribute__((weak)) unsigned long global_node_page_state(enum node_stat_item item)
{
	(void)item;
	return 0;
}

/* Free frames of a zone. */
unsigned long zone_page_state(struct zone *zone, enum zone_stat_item item)
{
	unsigned long n = 0;

	(void)item;
	for (unsigned long i = 0; i < zone->spanned; i++)
		n += vm_frames[zone->zone_start_pfn - VM_PFN_BASE + i].owner == VM_FREE;
	return n;
}

struct page *pfn_to_online_page(unsigned long pfn)
{
	unsigned long i = pfn - VM_PFN_BASE;

	return pfn >= VM_PFN_BASE && i < vm_nr_frames ? &vm_frames[i] : NULL;
}

long si_mem_available(void)
{
	return nr_free;
}

void count_vm_events(enum vm_event_item item, long n)
{
	vm_events[item] += n;
}

unsigned long vm_free_frames(void)
{
	return nr_free;
}

unsigned long vm_count(enum vm_owner owner)
{
	unsigned long n = 0;

	for (unsigned long i = 0; i < vm_nr_frames; i++)
		n += vm_frames[i].owner == owner;
	return n;
}

unsigned long vm_count_host(enum vm_host host)
{
	unsigned long n = 0;

	for (unsigned long i = 0; i < vm_nr_frames; i++)
		n += vm_frames[i].host == host;
	return n;
}
