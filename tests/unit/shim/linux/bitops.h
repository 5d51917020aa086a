/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lowest bit of a word; for bits of a map see bitmap.h.
 */
#ifndef SHIM_LINUX_BITOPS_H
#define SHIM_LINUX_BITOPS_H

#define __ffs(x)	((unsigned int)__builtin_ctzl(x))

#endif
