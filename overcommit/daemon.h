/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon is made of; the main thread's alone.
 */
#ifndef BALLONET_DAEMON_H
#define BALLONET_DAEMON_H

#include "config.h"
#include "domains.h"
#include "host.h"
#include "policy.h"

typedef struct Daemon {
    const char *config_file;
    Config *config;
    bool dry_run;
    Policy policy;
    PolicyHost host;
    Host *watch;
    Domains *domains;
    uint64_t room;      /* KiB reserved by ballonetctl for domains to come */
    int64_t room_until; /* of the monotonic clock, in ms */
    uint64_t orders[POLICY_REASONS];
    int64_t metrics_time;
    bool metrics_failed;
    bool quit;
} Daemon;

static inline int64_t daemon_now(void)
{
    return g_get_monotonic_time() / 1000;
}

/* KiB that are promised: by ballonetctl, and to domains that have just come up. */
uint64_t daemon_reserved(const Daemon *daemon, int64_t now);

#endif
