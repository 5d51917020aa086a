/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: what is said is counted, not printed; the last line is kept.
 */
#ifndef SHIM_LINUX_PRINTK_H
#define SHIM_LINUX_PRINTK_H

#include <stdarg.h>
#include <stdio.h>
#include <linux/kernel.h>

/* Lines logged since the machine was started, by the driver. */
extern unsigned int sim_log_lines;
extern char sim_log_last[256];

__attribute__((format(printf, 1, 2))) static inline void sim_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(sim_log_last, sizeof(sim_log_last), fmt, args);
	va_end(args);
	sim_log_lines++;
}

#define pr_warn(...)		sim_log(__VA_ARGS__)
#define pr_info(...)		sim_log(__VA_ARGS__)
#define dev_warn(dev, ...)	((void)(dev), sim_log(__VA_ARGS__))
#define dev_info(dev, ...)	((void)(dev), sim_log(__VA_ARGS__))
#define dev_err(dev, ...)	((void)(dev), sim_log(__VA_ARGS__))

#endif
