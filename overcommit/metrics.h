/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Figures for Prometheus: a text file for the textfile collector of its node
 * exporter, renamed into its place each time it is whole.
 */
#ifndef BALLONET_METRICS_H
#define BALLONET_METRICS_H

#include "daemon.h"

/* Return: what went wrong, or NULL; free with g_free(). */
char *metrics_write(const Daemon *daemon, const char *file);

#endif
