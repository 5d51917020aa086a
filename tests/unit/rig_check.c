// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * I3 on the device of rig.h at quiet moments; rig_pages.c has what holds at
 * any.  Counts for itself: frames, marks and the host's beliefs, never
 * the driver's own numbers alone.
 */
#include "rig.h"

static void check_frames(unsigned long size)
{
	sim_check(vm_count(VM_BALLOON) == size, "the driver holds %lu frames, says %lu (I3)",
		  vm_count(VM_BALLOON), size);
	sim_check(vm_count_host(VM_HOST_IN) == size, "the host counts %lu frames, we %lu (I3)",
		  vm_count_host(VM_HOST_IN), size);
	for (unsigned long i = 0; i < vm_nr_frames; i++)
		sim_check(vm_frames[i].owner != VM_BALLOON || vm_frames[i].count == 1 ||
			  (!vm_frames[i].offline && !vm_frames[i].count),
			  "frame %lu has %d references at rest", i, vm_frames[i].count);
}

/* The whole of I3: nothing on its way, no page in migration's hands. */
void rig_check_rest(void)
{
	struct balloon_pages *bp = &rig->pages;
	unsigned long size;
	long managed = 0;

	rig_check();
	size = pages_size(bp);
	sim_check(!rig->hostcomm.inflight, "%u requests out", rig->hostcomm.inflight);
	sim_check(!bp->exchanging, "%lu pages in an exchange", bp->exchanging);
	sim_check(bp->listed + bp->whole == size, "%lu pages, %lu at rest", size,
		  bp->listed + bp->whole);
	check_frames(size);
	sim_check(vm_events[BALLOON_INFLATE] - vm_events[BALLOON_DEFLATE] == (long)size,
		  "events count %ld pages, there are %lu",
		  vm_events[BALLOON_INFLATE] - vm_events[BALLOON_DEFLATE], size);
	for (int z = 0; z < VM_ZONES; z++)
		managed += vm_zone[z].managed;
	if (rig->managed)
		sim_check(managed + size == vm_nr_frames, "%ld managed and %lu ballooned of %lu",
			  managed, size, vm_nr_frames);
}

/* The same, once all that can happen now has happened. */
void rig_check_quiet(void)
{
	sim_settle();
	rig_check_rest();
}
