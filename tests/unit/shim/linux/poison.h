/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The byte that a kernel with page poisoning leaves in free pages.
 */
#ifndef SHIM_LINUX_POISON_H
#define SHIM_LINUX_POISON_H

#define PAGE_POISON	0xaa

#endif
