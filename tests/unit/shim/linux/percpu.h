/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See cpumask.h.
 */
#ifndef SHIM_LINUX_PERCPU_H
#define SHIM_LINUX_PERCPU_H

#define per_cpu_ptr(ptr, cpu) (&(ptr)[cpu])

#endif
