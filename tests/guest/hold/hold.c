// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps ballooned pages isolated for as long as it is loaded: the first half of
 * what memory compaction does to them, with the second put off. Owns the pages
 * on its list, from loading to unloading; one thread, no lock.
 *
 * The kernel exports neither half, so both are called by the address that a
 * probe finds. Not for kernels without kprobes.
 */
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/stringify.h>

static unsigned int pages = 32;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "how many to hold");

static LIST_HEAD(held);
static typeof(isolate_movable_page) *isolate;
static typeof(putback_movable_pages) *put_back;

/* Linux 6.1 answers with an errno, later ones with whether it worked. */
static bool hold_page(struct page *page)
{
	long answer = isolate(page, 0);

	if (__builtin_types_compatible_p(typeof(isolate(page, 0)), bool))
		return answer;
	return !answer;
}

static void *hold_find(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	int err = register_kprobe(&probe);

	if (err)
		return ERR_PTR(err);
	unregister_kprobe(&probe);
	return probe.addr;
}

static int __init hold_init(void)
{
	unsigned long pfn = node_start_pfn(0), end = node_end_pfn(0);
	unsigned int got = 0;

	isolate = hold_find(__stringify(isolate_movable_page));
	put_back = hold_find("putback_movable_pages");
	if (IS_ERR(isolate) || IS_ERR(put_back))
		return -EOPNOTSUPP;
	for (; pfn < end && got < pages; pfn++) {
		struct page *page;

		cond_resched();
		if (!pfn_valid(pfn))
			continue;
		page = pfn_to_page(pfn);
		/* Of all movable pages only a balloon's bear this mark. */
		if (!PageOffline(page) || !hold_page(page))
			continue;
		list_add(&page->lru, &held);
		got++;
	}
	if (got == pages)
		return 0;
	put_back(&held);
	return -ENOENT;
}

static void __exit hold_exit(void)
{
	put_back(&held);
}

module_init(hold_init);
module_exit(hold_exit);
MODULE_DESCRIPTION("Holds ballooned pages isolated");
MODULE_LICENSE("GPL");
