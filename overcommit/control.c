/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that ballonetctl speaks to, see control.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "log.h"

#define CLIENTS 16
#define LINE 512
#define CLIENT_TIMEOUT_MS 2000 /* for one that does not say what it wants, or does not read */
#define RESERVE_MAX_S 86400

typedef struct Client {
    Control *control;
    int fd, watch, timer;
    char line[LINE];
    size_t length;
    char *answer; /* NULL: it has not asked yet */
    size_t sent;
} Client;

struct Control {
    Daemon *daemon;
    char *path, *lock;
    int fd, watch, lock_fd;
    unsigned clients;
};

static const char *percent(uint64_t part, uint64_t whole, char *buffer, size_t size)
{
    g_snprintf(buffer, size, "%.1f%%", whole ? 100.0 * part / whole : 0.0);
    return buffer;
}

static void say_host(const Daemon *d, GString *out)
{
    char share[16];

    g_string_append_printf(out, "host: %s, %llu of %llu MiB available (%s)",
                           policy_state_name(d->policy.state), d->host.available / POLICY_MIB,
                           d->host.total / POLICY_MIB,
                           percent(d->host.available, d->host.total, share, sizeof(share)));
    if (d->host.reserved) {
        g_string_append_printf(out, ", %llu MiB reserved", d->host.reserved / POLICY_MIB);
    }
    g_string_append_printf(out, "%s%s\n", domains_connected(d->domains) ? "" : "; no libvirt",
                           d->dry_run ? "; dry run" : "");
}

/* A column of the table. */
static void add_mib(GString *out, uint64_t kib)
{
    if (kib) {
        g_string_append_printf(out, " %8llu", (unsigned long long)(kib / POLICY_MIB));
    } else {
        g_string_append_printf(out, " %8s", "-");
    }
}

static int by_name(const void *a, const void *b)
{
    const Domain *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void do_status(Daemon *d, char **words, GString *out)
{
    g_autoptr(GPtrArray) list = domains_list(d->domains);
    int width = strlen("GUEST");

    (void)words;
    g_ptr_array_sort(list, by_name);
    for (unsigned i = 0; i < list->len; i++) {
        width = MAX(width, (int)strlen(((Domain *)list->pdata[i])->name));
    }
    say_host(d, out);
    g_string_append_printf(out, "%-*s %8s %8s %8s %8s %8s  %s\n", width, "GUEST", "MAX", "SIZE",
                           "TARGET", "DEMAND", "RSS", "WHY");
    for (unsigned i = 0; i < list->len; i++) {
        const Domain *domain = list->pdata[i];
        const PolicyGuest *g = &domain->guest;

        g_string_append_printf(out, "%-*s", width, domain->name);
        add_mib(out, policy_max(g));
        add_mib(out, g->size);
        add_mib(out, g->target);
        add_mib(out, g->demand);
        add_mib(out, domain->rss);
        g_string_append_printf(out, "  %s\n", policy_reason_name(g->reason));
    }
}

static Domain *named(Daemon *d, const char *name, GString *out)
{
    Domain *domain = domains_find(d->domains, name);

    if (!domain) {
        g_string_append_printf(out, "there is no running guest '%s'\n", name);
    } else if (!domain->balloon) {
        g_string_append_printf(out, "guest %s has no balloon\n", name);
        domain = NULL;
    }
    return domain;
}

static bool do_explain(Daemon *d, char **words, GString *out)
{
    Domain *domain = named(d, words[1], out);
    const PolicyGuest *g;
    int64_t now = daemon_now();
    char share[16];

    if (!domain) {
        return false;
    }
    g = &domain->guest;
    g_string_append_printf(out, "%s: %s: %s\n", domain->name, policy_reason_name(g->reason),
                           policy_reason_text(g->reason));
    g_string_append_printf(out, "  size %llu MiB, target %llu MiB, of %llu MiB\n",
                           g->size / POLICY_MIB, g->target / POLICY_MIB, g->all / POLICY_MIB);
    g_string_append_printf(out,
                           "  demand %llu MiB: %llu MiB anonymous, kernel and shared, "
                           "%llu MiB hot file cache (%s), %llu MiB reserve\n",
                           g->demand / POLICY_MIB, g->base / POLICY_MIB, g->hot / POLICY_MIB,
                           g->learned ? "learned" : "guessed", policy_reserve(g) / POLICY_MIB);
    g_string_append_printf(out, "  limits: %llu to %llu MiB, weight %u, swap %llu MiB\n",
                           policy_min(g) / POLICY_MIB, policy_max(g) / POLICY_MIB, g->limits.weight,
                           g->limits.swap / POLICY_MIB);
    if (g->sample.id) {
        g_string_append_printf(out, "  figures %lld s old; %s and swap-ins in a minute: %s of %s\n",
                               (long long)(now - g->sample.time) / 1000,
                               g->sample.has_refault ? "refaults" : "major faults",
                               percent(g->recent, g->base + g->cache, share, sizeof(share)),
                               "what it works with");
    }
    if (g->pause_end > now) {
        g_string_append_printf(out, "  no probe for another %lld s\n",
                               (long long)(g->pause_end - now) / 1000);
    }
    say_host(d, out);
    return true;
}

static bool do_hold(Daemon *d, char **words, GString *out)
{
    Domain *domain = named(d, words[1], out);

    if (!domain) {
        return false;
    }
    domain->guest.held = true;
    log_info("guest %s is held by ballonetctl", domain->name);
    g_string_append_printf(out, "%s keeps its size until it is released\n", domain->name);
    return true;
}

static bool do_release(Daemon *d, char **words, GString *out)
{
    Domain *domain = named(d, words[1], out);

    if (!domain) {
        return false;
    }
    policy_release(&domain->guest);
    log_info("guest %s is released by ballonetctl", domain->name);
    g_string_append_printf(out, "%s is managed again\n", domain->name);
    return true;
}

static bool do_reserve(Daemon *d, char **words, GString *out)
{
    uint64_t kib = 0, seconds = 0;

    if (!g_ascii_string_to_unsigned(words[2], 10, 0, RESERVE_MAX_S, &seconds, NULL) ||
        (strcmp(words[1], "0") && !config_size(words[1], &kib))) {
        g_string_append(out, "a size like 4G and at most a day are wanted\n");
        return false;
    }
    d->room = kib;
    d->room_until = daemon_now() + seconds * 1000;
    log_info("%llu MiB are reserved for %llu s", kib / POLICY_MIB, (unsigned long long)seconds);
    g_string_append_printf(out, "%llu MiB are reserved for %llu s\n", kib / POLICY_MIB,
                           (unsigned long long)seconds);
    return true;
}

static bool status(Daemon *d, char **words, GString *out)
{
    do_status(d, words, out);
    return true;
}

static char *answer(Daemon *d, char *line)
{
    static const struct {
        const char *verb;
        unsigned words;
        bool (*does)(Daemon *, char **, GString *);
    } verbs[] = {
        { "status", 1, status },      { "explain", 2, do_explain }, { "hold", 2, do_hold },
        { "release", 2, do_release }, { "reserve", 3, do_reserve },
    };
    g_auto(GStrv) words = g_strsplit(line, "\t", -1);
    GString *out = g_string_new(NULL);
    bool well = false, known = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(verbs) && !known; i++) {
        if (words[0] && !strcmp(words[0], verbs[i].verb) &&
            g_strv_length(words) == verbs[i].words) {
            known = true;
            well = verbs[i].does(d, words, out);
        }
    }
    if (!known) {
        g_string_append(out, "there is no such request\n");
    }
    g_string_prepend(out, well ? "ok\n" : "error\n");
    return g_string_free(out, FALSE);
}

static void end_client(Client *c)
{
    virEventRemoveHandle(c->watch);
    virEventRemoveTimeout(c->timer);
    close(c->fd);
    c->control->clients--;
    g_free(c->answer);
    g_free(c);
}

static void too_slow(int timer, void *opaque)
{
    (void)timer;
    end_client(opaque);
}

/* Return: false when it is over. */
static bool hear(Client *c)
{
    ssize_t got = read(c->fd, c->line + c->length, sizeof(c->line) - 1 - c->length);
    char *end;

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    c->length += got;
    c->line[c->length] = '\0';
    end = strchr(c->line, '\n');
    if (!end) {
        return c->length < sizeof(c->line) - 1;
    }
    *end = '\0';
    c->answer = answer(c->control->daemon, c->line);
    virEventUpdateHandle(c->watch, VIR_EVENT_HANDLE_WRITABLE);
    return true;
}

static bool speak(Client *c)
{
    size_t length = strlen(c->answer);
    ssize_t sent = send(c->fd, c->answer + c->sent, length - c->sent, MSG_NOSIGNAL);

    if (sent < 0) {
        return errno == EAGAIN;
    }
    c->sent += sent;
    return c->sent < length;
}

static void served(int watch, int fd, int events, void *opaque)
{
    Client *c = opaque;

    (void)watch;
    (void)fd;
    (void)events;
    if (!(c->answer ? speak(c) : hear(c))) {
        end_client(c);
    }
}

static void came(int watch, int fd, int events, void *opaque)
{
    Control *control = opaque;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *c;

    (void)watch;
    (void)events;
    if (client < 0) {
        return;
    }
    if (control->clients >= CLIENTS) {
        close(client);
        return;
    }
    control->clients++;
    c = g_new0(Client, 1);
    c->control = control;
    c->fd = client;
    c->watch = virEventAddHandle(client, VIR_EVENT_HANDLE_READABLE, served, c, NULL);
    c->timer = virEventAddTimeout(CLIENT_TIMEOUT_MS, too_slow, c, NULL);
}

/* One daemon for a socket: a socket file alone may be left over. */
static bool lock(Control *c)
{
    c->lock_fd = open(c->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock_fd < 0) {
        log_error("%s: %s", c->lock, g_strerror(errno));
        return false;
    }
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        log_error("%s: another ballonetd is at work", c->lock);
        return false;
    }
    return true;
}

static bool listen_at(Control *c)
{
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    mode_t mask;
    int bound;

    if (g_strlcpy(where.sun_path, c->path, sizeof(where.sun_path)) >= sizeof(where.sun_path)) {
        log_error("%s: too long for a socket", c->path);
        return false;
    }
    unlink(c->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mask = umask(0117);
    bound = c->fd < 0 ? -1 : bind(c->fd, (struct sockaddr *)&where, sizeof(where));
    umask(mask);
    if (bound < 0 || listen(c->fd, CLIENTS) < 0) {
        log_error("%s: %s", c->path, g_strerror(errno));
        return false;
    }
    c->watch = virEventAddHandle(c->fd, VIR_EVENT_HANDLE_READABLE, came, c, NULL);
    return c->watch >= 0;
}

Control *control_open(Daemon *daemon)
{
    Control *c = g_new0(Control, 1);

    c->daemon = daemon;
    c->path = g_strdup(daemon->config->socket);
    c->lock = g_strconcat(c->path, ".lock", NULL);
    c->fd = c->watch = c->lock_fd = -1;
    if (lock(c)) {
        if (listen_at(c)) {
            return c;
        }
    }
    control_close(c);
    return NULL;
}

void control_close(Control *c)
{
    if (c->watch >= 0) {
        virEventRemoveHandle(c->watch);
        unlink(c->path);
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    if (c->lock_fd >= 0) {
        close(c->lock_fd);
    }
    g_free(c->path);
    g_free(c->lock);
    g_free(c);
}
