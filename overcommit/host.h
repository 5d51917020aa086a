/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's memory: what is available, how long tasks were stalled for want
 * of it, and a call as soon as they are.
 *
 * Context: the main thread.
 */
#ifndef BALLONET_HOST_H
#define BALLONET_HOST_H

#include <stdbool.h>

#include "policy.h"

typedef void (*HostPressed)(void *opaque);

typedef struct Host Host;

/* cgroup: a folder of cgroup v2, whose limit and pressure then count; or NULL. */
Host *host_open(const char *cgroup, HostPressed pressed, void *opaque);
void host_close(Host *host);

/* Fills in total, available and pressure. Return: false where the files cannot be read. */
bool host_read(Host *host, PolicyHost *out, int64_t now);

/* Whether the kernel calls us; else pressure is seen with the next reading only. */
bool host_has_trigger(const Host *host);

#endif
