/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get_clock() is in osdep.h of this folder. */
