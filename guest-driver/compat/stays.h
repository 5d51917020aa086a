/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that should not be moved: asked of the page, or of its folio.
 */
#ifndef BALLONET_COMPAT_STAYS_H
#define BALLONET_COMPAT_STAYS_H

#include <linux/mm.h>
#include <linux/page-flags.h>

/**
 * compat_page_stays() - whether somebody wants a page to stay where it is
 * @page: in use, not part of a larger one
 */
static inline bool compat_page_stays(struct page *page)
{
#ifdef HAVE_FOLIO_PINNED
	struct folio *folio = page_folio(page);

	return folio_test_mlocked(folio) || folio_test_unevictable(folio) ||
	       folio_maybe_dma_pinned(folio);
#else
	return PageMlocked(page) || PageUnevictable(page) ||
	       page_maybe_dma_pinned(page);
#endif
}

#endif
