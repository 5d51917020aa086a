/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines for the journal, or for the terminal: one whole sentence each.
 * From any thread.
 */
#ifndef BALLONET_LOG_H
#define BALLONET_LOG_H

#include <glib.h>
#include <stdbool.h>

extern bool log_verbose;
extern bool log_background; /* to syslog: there is nobody at stderr */

void log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* With --verbose alone. */
void log_detail(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
