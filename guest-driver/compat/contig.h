/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claiming a given piece of memory from the kernel, which moves what is in use
 * there; it takes different words on different kernels.
 */
#ifndef BALLONET_COMPAT_CONTIG_H
#define BALLONET_COMPAT_CONTIG_H

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/types.h>

static inline bool compat_has_contig(void)
{
	return IS_ENABLED(CONFIG_CONTIG_ALLOC);
}

/**
 * compat_alloc_contig() - take all pages of a range for ourselves
 * @start: first PFN
 * @end: the PFN after the last; all in one zone
 *
 * Context: may sleep, and move pages.
 * Return: 0, each page with one reference; -EBUSY where something cannot be
 * moved, -ENOMEM where there is no room elsewhere, -EINTR.
 */
static inline int compat_alloc_contig(unsigned long start, unsigned long end)
{
	gfp_t gfp __maybe_unused = GFP_KERNEL | __GFP_NOWARN;

#if !defined(CONFIG_CONTIG_ALLOC)
	return -EBUSY;
#elif defined(HAVE_ACR_FLAGS)
	return alloc_contig_range(start, end, ACR_FLAGS_NONE, gfp);
#else
	return alloc_contig_range(start, end, MIGRATE_MOVABLE, gfp);
#endif
}

#endif
