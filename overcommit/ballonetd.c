/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ballonetd: sizes the guests of one host by their need.
 *
 * The main thread runs libvirt's event loop and decides; each second it asks
 * every guest for figures, steps the policy when all have answered, and has the
 * orders carried out.  It never waits for anybody.
 */
#include <errno.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control.h"
#include "daemon.h"
#include "log.h"
#include "metrics.h"

#define TICK_MS 1000
#define STEP_MIN_MS 100 /* the kernel may tell of pressure more often than a step is worth */
#define METRICS_MS 10000
#define STARTING_MS 60000 /* a domain that came up tells its figures by then, or has no driver */

typedef struct Main {
    Daemon daemon;
    Control *control;
    int signals;
    int64_t stepped;
} Main;

uint64_t daemon_reserved(const Daemon *d, int64_t now)
{
    g_autoptr(GPtrArray) list = domains_list(d->domains);
    uint64_t sum = now < d->room_until ? d->room : 0;

    for (unsigned i = 0; i < list->len; i++) {
        const Domain *domain = list->pdata[i];

        if (domain->starts_at && now - domain->starts_at < STARTING_MS &&
            domain->guest.all > domain->rss) {
            sum += domain->guest.all - domain->rss;
        }
    }
    return sum;
}

static void log_order(Daemon *d, const Domain *domain)
{
    const PolicyGuest *g = &domain->guest;
    bool small = g->reason == POLICY_PROBE;

    d->orders[g->reason]++;
    (small && !d->dry_run ? log_detail : log_info)(
        "guest %s: %s %llu MiB, from %llu: %s: %s", domain->name, d->dry_run ? "would get" : "gets",
        g->order / POLICY_MIB, g->size / POLICY_MIB, policy_reason_name(g->reason),
        policy_reason_text(g->reason));
}

/* What does not show in an order. */
static void log_change(Domain *domain)
{
    PolicyReason is = domain->guest.reason;

    if (is != domain->reason && (is == POLICY_FOREIGN || is == POLICY_NOT_FOLLOWED)) {
        log_info("guest %s: %s: %s", domain->name, policy_reason_name(is), policy_reason_text(is));
    }
    domain->reason = is;
}

static void step(void *opaque)
{
    Main *m = opaque;
    Daemon *d = &m->daemon;
    PolicyHostState was = d->policy.state;
    g_autoptr(GPtrArray) list = domains_list(d->domains);
    g_autofree PolicyGuest **guests = g_new(PolicyGuest *, list->len + 1);
    int64_t now = daemon_now();

    if (!host_read(d->watch, &d->host, now)) {
        log_error("the host's memory cannot be read: nothing is done");
        return;
    }
    m->stepped = now;
    d->host.reserved = daemon_reserved(d, now);
    for (unsigned i = 0; i < list->len; i++) {
        guests[i] = &((Domain *)list->pdata[i])->guest;
    }
    policy_step(&d->policy, &d->host, guests, list->len, now);
    if (d->policy.state != was) {
        log_info("the host is %s: %llu of %llu MiB are available",
                 policy_state_name(d->policy.state), d->host.available / POLICY_MIB,
                 d->host.total / POLICY_MIB);
    }
    for (unsigned i = 0; i < list->len; i++) {
        Domain *domain = list->pdata[i];

        log_change(domain);
        if (domain->guest.order) {
            log_order(d, domain);
            domains_order(d->domains, domain, domain->guest.order);
        }
    }
}

static void write_metrics(Daemon *d, int64_t now)
{
    g_autofree char *wrong = NULL;

    if (!d->config->metrics || now - d->metrics_time < METRICS_MS) {
        return;
    }
    d->metrics_time = now;
    wrong = metrics_write(d, d->config->metrics);
    if (wrong && !d->metrics_failed) {
        log_error("%s", wrong);
    }
    d->metrics_failed = wrong;
}

/* Each second, whoever does not answer. */
static void tick(int timer, void *opaque)
{
    Main *m = opaque;
    int64_t now = daemon_now();

    (void)timer;
    sd_notify(0, "WATCHDOG=1");
    /* A guest that hangs keeps the others' answers from being all: they are enough by now. */
    if (now - m->stepped > 2 * TICK_MS) {
        step(m);
    }
    write_metrics(&m->daemon, now);
    domains_poll(m->daemon.domains, now);
}

static void pressed(void *opaque)
{
    Main *m = opaque;

    if (daemon_now() - m->stepped >= STEP_MIN_MS) {
        step(m);
    }
}

static void started(void *opaque, Domain *domain)
{
    Main *m = opaque;
    Daemon *d = &m->daemon;

    /* The room that was reserved was for this one. */
    d->room -= MIN(d->room, domain->guest.all);
}

static void connected(void *opaque, bool is)
{
    (void)opaque;
    sd_notify(0, is ? "STATUS=connected to libvirt" : "STATUS=waiting for libvirt");
}

static Config *load(const char *file)
{
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
    Config *config = config_load(file, faults);

    for (unsigned i = 0; i < faults->len; i++) {
        log_error("%s", (char *)faults->pdata[i]);
    }
    return config;
}

/* The limits and the host's shares are read again; where things are is not. */
static void reload(Daemon *d)
{
    g_autoptr(Config) config = load(d->config_file);

    d->config->policy = d->policy.config = config->policy;
    d->config->guests = config->guests;
    domains_configure(d->domains, &config->guests);
    log_info("read %s again", d->config_file);
}

static void signalled(int watch, int fd, int events, void *opaque)
{
    struct signalfd_siginfo info;
    Main *m = opaque;

    (void)watch;
    (void)events;
    if (read(fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)g_get_monotonic_time());
        reload(&m->daemon);
        sd_notify(0, "READY=1");
    } else {
        log_info("ends; guests keep what they have");
        m->daemon.quit = true;
    }
}

static void catch_signals(Main *m)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    /* Before any thread is made, which would take them. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    virEventAddHandle(m->signals, VIR_EVENT_HANDLE_READABLE, signalled, m, NULL);
}

static void quiet(void *opaque, virErrorPtr error)
{
    (void)opaque;
    (void)error;
}

static bool run(Main *m)
{
    static const DomainsOps ops = { step, started, connected };
    Daemon *d = &m->daemon;

    m->control = control_open(d);
    if (!m->control) {
        return false;
    }
    /* Under pressure, when it is wanted most, it must not wait for its own pages. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) {
        log_info("its own memory can be swapped out: %s", g_strerror(errno));
    }
    d->policy.config = d->config->policy;
    d->watch = host_open(d->config->cgroup, pressed, m);
    d->domains = domains_new(d->config->uri, d->dry_run, &ops, m);
    domains_configure(d->domains, &d->config->guests);
    if (!host_has_trigger(d->watch)) {
        log_info("the kernel does not tell of pressure by itself: it is looked for each second");
    }
    if (!host_read(d->watch, &d->host, daemon_now())) {
        log_error("the memory of the host, or of %s, cannot be read",
                  d->config->cgroup ? d->config->cgroup : "/proc");
    }
    virEventAddTimeout(TICK_MS, tick, m, NULL);
    domains_poll(d->domains, daemon_now());
    sd_notify(0, "READY=1\nSTATUS=waiting for libvirt");
    while (!d->quit) {
        if (virEventRunDefaultImpl() < 0) {
            log_error("libvirt's event loop fails: %s", virGetLastErrorMessage());
            return false;
        }
    }
    sd_notify(0, "STOPPING=1");
    return true;
}

int main(int argc, char **argv)
{
    g_autofree char *file = NULL, *uri = NULL;
    gboolean foreground = FALSE, dry_run = FALSE, verbose = FALSE;
    const GOptionEntry entries[] = {
        { "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
        { "connect", 'C', 0, G_OPTION_ARG_STRING, &uri, "libvirt's URI", "URI" },
        { "foreground", 'f', 0, G_OPTION_ARG_NONE, &foreground, "stay in the foreground", NULL },
        { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "say what it would do, and do nothing",
          NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "tell of every probe", NULL },
        {},
    };
    g_autoptr(GOptionContext) options = g_option_context_new("- size guests by their need");
    g_autoptr(GError) error = NULL;
    Main m = {};
    bool well;

    g_option_context_add_main_entries(options, entries, NULL);
    if (!g_option_context_parse(options, &argc, &argv, &error) || argc > 1) {
        log_error("%s", error ? error->message : "an argument too many; see --help");
        return 2;
    }
    log_verbose = verbose;
    m.daemon.config_file = file ? file : CONFIG_FILE;
    m.daemon.dry_run = dry_run;
    m.daemon.config = load(m.daemon.config_file);
    if (uri) {
        g_free(m.daemon.config->uri);
        m.daemon.config->uri = g_steal_pointer(&uri);
    }
    if (!foreground && daemon(0, 0) < 0) {
        log_error("it cannot go to the background: %s", g_strerror(errno));
        return 1;
    }
    log_background = !foreground;
    virSetErrorFunc(NULL, quiet);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
        log_error("libvirt cannot be used: %s", virGetLastErrorMessage());
        return 1;
    }
    catch_signals(&m);
    well = run(&m);
    if (m.daemon.domains) {
        host_close(m.daemon.watch);
    }
    if (m.control) {
        control_close(m.control);
    }
    config_free(m.daemon.config);
    return well ? 0 : 1;
}
