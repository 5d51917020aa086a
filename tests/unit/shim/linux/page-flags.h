/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a look at a page says of it; for the rest see mm.h.  Pages of the guest are
 * as plain ones of a process.
 */
#ifndef SHIM_LINUX_PAGE_FLAGS_H
#define SHIM_LINUX_PAGE_FLAGS_H

#include <linux/mm.h>

#define PageOffline(page)	((page)->offline)
#define PageLRU(page)		((page)->owner == VM_GUEST)
#define PageAnon(page)		((page)->owner == VM_GUEST)
#define PageReserved(page)	((void)(page), false)
#define PageCompound(page)	((void)(page), false)
#define PageSlab(page)		((void)(page), false)
#define PageHWPoison(page)	((void)(page), false)
#define PageMlocked(page)	((void)(page), false)
#define PageUnevictable(page)	((void)(page), false)
#define page_maybe_dma_pinned(page) ((void)(page), false)

#endif
