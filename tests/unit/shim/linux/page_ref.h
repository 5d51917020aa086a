/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See mm.h.
 */
#ifndef SHIM_LINUX_PAGE_REF_H
#define SHIM_LINUX_PAGE_REF_H

#include <linux/mm.h>

#endif
