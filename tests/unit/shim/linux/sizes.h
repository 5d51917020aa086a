/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sizes in bytes, the ones that are asked for.
 */
#ifndef SHIM_LINUX_SIZES_H
#define SHIM_LINUX_SIZES_H

#define SZ_1M		0x00100000
#define SZ_2M		0x00200000
#define SZ_4M		0x00400000
#define SZ_8M		0x00800000
#define SZ_256M		0x10000000

#endif
