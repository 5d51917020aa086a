/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors: none has lists of free pages of its own.
 */
#ifndef SHIM_LINUX_CPUMASK_H
#define SHIM_LINUX_CPUMASK_H

#define for_each_online_cpu(cpu) for ((cpu) = 0; (cpu) < 0; (cpu)++)

#endif
