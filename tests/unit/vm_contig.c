// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clearing a range of frames for good: what memory offlining and
 * alloc_contig_range() do.  Nobody is given a frame of the range meanwhile.
 */
#include <linux/mm.h>

struct page *(*vm_move_guest)(struct page *page);

/**
 * vm_contig() - clear a range for good: what is left must be free right after
 * @first: where it begins
 * @n: frames, migrated in one go
 * @result: what migration did
 *
 * Return: 0 or -EBUSY, as alloc_contig_range().
 */
int vm_contig(struct page *first, unsigned long n, struct vm_result *result)
{
	LIST_HEAD(isolated);

	for (unsigned long i = 0; i < n; i++)
		vm_isolate(&first[i], MIGRATE_SYNC, &isolated);
	*result = vm_migrate(&isolated, MIGRATE_SYNC);
	vm_putback(&isolated);
	for (unsigned long i = 0; i < n; i++)
		if (first[i].owner != VM_FREE)
			return -EBUSY;
	return 0;
}

static bool guest_leaves(struct page *first, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		if (first[i].owner == VM_GUEST && (!vm_move_guest || !vm_move_guest(&first[i])))
			return false;
	}
	return true;
}

/* One range at a time is what the kernel allows in one place, too. */
int alloc_contig_range(unsigned long start, unsigned long end, unsigned int type, gfp_t gfp)
{
	struct page *first = &vm_frames[start - VM_PFN_BASE];
	unsigned long n = end - start;
	struct vm_result r;
	int err = -EBUSY;

	sim_gfp(gfp);
	if (vm_no_alloc.n)
		return -EBUSY;
	vm_no_alloc = (struct vm_range){ .first = first, .n = n };
	sim_point();
	if (guest_leaves(first, n))
		err = vm_contig(first, n, &r);
	vm_no_alloc.n = 0;
	for (unsigned long i = 0; !err && i < n; i++) {
		vm_take_frame(&first[i], VM_BALLOON);
		first[i].private = 0;
		first[i].count = 1;
	}
	sim_point();
	return err;
}
