/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures for Prometheus, see metrics.h. */
#include <string.h>

#include "metrics.h"

static void help(GString *out, const char *name, const char *type, const char *text)
{
    g_string_append_printf(out, "# HELP ballonet_%s %s\n# TYPE ballonet_%s %s\n", name, text, name,
                           type);
}

static void one(GString *out, const char *name, const char *text, uint64_t value)
{
    help(out, name, "gauge", text);
    g_string_append_printf(out, "ballonet_%s %llu\n", name, (unsigned long long)value);
}

/* A label's value: quotes, backslashes and line ends are escaped. */
static char *label(const char *text)
{
    return g_strescape(text, NULL);
}

typedef uint64_t (*Figure)(const Domain *);

static uint64_t size_of(const Domain *d)
{
    return d->guest.size << 10;
}

static uint64_t target_of(const Domain *d)
{
    return d->guest.target << 10;
}

static uint64_t demand_of(const Domain *d)
{
    return d->guest.demand << 10;
}

static uint64_t max_of(const Domain *d)
{
    return policy_max(&d->guest) << 10;
}

static uint64_t rss_of(const Domain *d)
{
    return d->rss << 10;
}

static void of_guests(GString *out, GPtrArray *list, const char *name, const char *text,
                      Figure figure)
{
    help(out, name, "gauge", text);
    for (unsigned i = 0; i < list->len; i++) {
        const Domain *d = list->pdata[i];
        g_autofree char *guest = label(d->name);

        g_string_append_printf(out, "ballonet_%s{guest=\"%s\"} %llu\n", name, guest,
                               (unsigned long long)figure(d));
    }
}

static void reasons(GString *out, GPtrArray *list)
{
    help(out, "guest_reason", "gauge", "1 for the reason of the guest's size.");
    for (unsigned i = 0; i < list->len; i++) {
        const Domain *d = list->pdata[i];
        g_autofree char *guest = label(d->name);

        g_string_append_printf(out, "ballonet_guest_reason{guest=\"%s\",reason=\"%s\"} 1\n", guest,
                               policy_reason_name(d->guest.reason));
    }
}

/* What has no way back is the sum of what guests cannot do without. */
static uint64_t sum(GPtrArray *list, Figure figure)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < list->len; i++) {
        all += figure(list->pdata[i]);
    }
    return all;
}

char *metrics_write(const Daemon *d, const char *file)
{
    g_autoptr(GPtrArray) list = domains_list(d->domains);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    one(out, "up", "1 while ballonetd is connected to libvirt.", domains_connected(d->domains));
    one(out, "host_state", "0 plenty, 1 tight, 2 critical.", d->policy.state);
    one(out, "host_total_bytes", "Memory that guests may use.", d->host.total << 10);
    one(out, "host_available_bytes", "Memory that is available.", d->host.available << 10);
    one(out, "host_reserved_bytes", "Memory promised to domains that start.",
        d->host.reserved << 10);
    one(out, "host_demand_bytes", "Demand of all guests.", sum(list, demand_of));
    of_guests(out, list, "guest_max_bytes", "The most a guest may have.", max_of);
    of_guests(out, list, "guest_size_bytes", "What it has.", size_of);
    of_guests(out, list, "guest_target_bytes", "What it was told to have.", target_of);
    of_guests(out, list, "guest_demand_bytes", "What it needs.", demand_of);
    of_guests(out, list, "guest_rss_bytes", "What the host backs.", rss_of);
    reasons(out, list);
    help(out, "orders_total", "counter", "Orders given, by reason.");
    for (int i = 0; i < POLICY_REASONS; i++) {
        g_string_append_printf(out, "ballonet_orders_total{reason=\"%s\"} %llu\n",
                               policy_reason_name(i), (unsigned long long)d->orders[i]);
    }
    /* For a reader with another user's rights; whole, or not at all. */
    if (!g_file_set_contents_full(file, out->str, out->len, G_FILE_SET_CONTENTS_CONSISTENT, 0644,
                                  &error)) {
        return g_strdup(error->message);
    }
    return NULL;
}
