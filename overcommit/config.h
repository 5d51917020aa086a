/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: one file and those beside it in FILE.d, in the syntax of
 * GKeyFile.  A fault is named with its file and line; the rest counts.
 */
#ifndef BALLONET_CONFIG_H
#define BALLONET_CONFIG_H

#include <glib.h>

#include "policy.h"

#define CONFIG_FILE "/etc/ballonet/ballonetd.conf"
#define CONFIG_SOCKET "/run/ballonet/ballonetd.sock"
#define CONFIG_URI "qemu:///system"

/* Of a guest: the defaults, which a domain's metadata may change. */
typedef struct GuestConfig {
    PolicyLimits limits;
    bool monitor; /* its statistics are also read by QMP, past libvirt */
} GuestConfig;

typedef struct Config {
    char *uri;
    char *socket;
    char *metrics; /* NULL: none are written */
    char *cgroup;  /* folder of the guests' cgroup; NULL: they may use the whole host */
    PolicyConfig policy;
    GuestConfig guests;
} Config;

/* faults: takes a line of text for each fault. Never fails: what is wrong is left as it was. */
Config *config_load(const char *file, GPtrArray *faults);
void config_free(Config *config);

/* One setting of a guest. Return: what is wrong with it, or NULL; free with g_free(). */
char *config_set_guest(GuestConfig *guest, const char *key, const char *value);

/* "4G", "512M", "64K". Return: whether it is a size. */
bool config_size(const char *text, uint64_t *kib);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

#endif
