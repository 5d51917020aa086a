/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for the journal, see log.h. */
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "log.h"

bool log_verbose;
bool log_background;

/* The journal takes the priority from the start of the line. */
static void put(const char *priority, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    if (log_background) {
        syslog(priority[1] - '0', "%s", text);
        return;
    }
    fprintf(stderr, "%s%s\n", getenv("JOURNAL_STREAM") ? priority : "ballonetd: ", text);
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(SD_ERR, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(SD_INFO, format, args);
    va_end(args);
}

void log_detail(const char *format, ...)
{
    va_list args;

    if (!log_verbose) {
        return;
    }
    va_start(args, format);
    put(SD_DEBUG, format, args);
    va_end(args);
}
