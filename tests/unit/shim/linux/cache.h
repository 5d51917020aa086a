/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of the processor's cache.
 */
#ifndef SHIM_LINUX_CACHE_H
#define SHIM_LINUX_CACHE_H

#define ____cacheline_aligned	__attribute__((aligned(64)))

#endif
