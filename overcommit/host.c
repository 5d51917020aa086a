/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's memory, see host.h. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host.h"

struct Host {
    char *cgroup;
    char *psi; /* file */
    HostPressed pressed;
    void *opaque;
    uint64_t stalled; /* microseconds, in all */
    int64_t time;     /* when that was read; 0: never */
    int psi_fd, epoll_fd, watch;
};

/* The number behind a word at the start of a line of a file's text. */
static bool number_of(const char *text, const char *word, uint64_t *value)
{
    size_t length = strlen(word);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (g_str_has_prefix(line, word)) {
            return sscanf(line + length, "%" SCNu64, value) == 1;
        }
    }
    return false;
}

static char *cgroup_text(const Host *h, const char *name)
{
    g_autofree char *path = g_build_filename(h->cgroup, name, NULL);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

/* What its limit leaves, file cache counted as available; without a limit nothing changes. */
static bool read_cgroup(const Host *h, PolicyHost *out)
{
    g_autofree char *max = cgroup_text(h, "memory.max");
    g_autofree char *current = cgroup_text(h, "memory.current");
    g_autofree char *stat = cgroup_text(h, "memory.stat");
    uint64_t limit, used, inactive = 0, active = 0;

    if (!max || !current || !stat || sscanf(current, "%" SCNu64, &used) != 1) {
        return false;
    }
    if (sscanf(max, "%" SCNu64, &limit) != 1) {
        return true; /* "max" */
    }
    number_of(stat, "inactive_file ", &inactive);
    number_of(stat, "active_file ", &active);
    used = used > inactive + active ? (used - inactive - active) >> 10 : 0;
    limit >>= 10;
    out->total = MIN(out->total, limit);
    out->available = MIN(out->available, limit > used ? limit - used : 0);
    return true;
}

static void read_pressure(Host *h, PolicyHost *out, int64_t now)
{
    g_autofree char *text = NULL;
    const char *total;
    uint64_t stalled;

    out->pressure = 0;
    if (!g_file_get_contents(h->psi, &text, NULL, NULL)) {
        return;
    }
    /* The first line is that of "some". */
    total = strstr(text, "total=");
    if (!total || sscanf(total, "total=%" SCNu64, &stalled) != 1) {
        return;
    }
    if (h->time && now > h->time && stalled >= h->stalled) {
        out->pressure = MIN((stalled - h->stalled) * 1000 / (now - h->time), 1000000);
    }
    h->stalled = stalled;
    h->time = now;
}

bool host_read(Host *h, PolicyHost *out, int64_t now)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL) ||
        !number_of(text, "MemTotal:", &out->total) ||
        !number_of(text, "MemAvailable:", &out->available)) {
        return false;
    }
    read_pressure(h, out, now);
    return !h->cgroup || read_cgroup(h, out);
}

static void stalled(int watch, int fd, int events, void *opaque)
{
    Host *h = opaque;
    struct epoll_event event;

    (void)watch;
    (void)events;
    if (epoll_wait(fd, &event, 1, 0) == 1) {
        h->pressed(h->opaque);
    }
}

/* libvirt's loop knows no POLLPRI, by which the kernel tells of pressure: epoll stands between. */
static bool watch_pressure(Host *h)
{
    /* A tenth of a second in one; without privileges Linux takes windows of 2 s alone. */
    static const char *const triggers[] = { "some 100000 1000000", "some 200000 2000000" };
    struct epoll_event event = { .events = EPOLLPRI };

    for (unsigned i = 0; i < G_N_ELEMENTS(triggers); i++) {
        h->psi_fd = open(h->psi, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (h->psi_fd < 0) {
            return false;
        }
        if (write(h->psi_fd, triggers[i], strlen(triggers[i]) + 1) > 0) {
            break;
        }
        close(h->psi_fd);
        h->psi_fd = -1;
    }
    h->epoll_fd = h->psi_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (h->epoll_fd < 0 || epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, h->psi_fd, &event) < 0) {
        return false;
    }
    h->watch = virEventAddHandle(h->epoll_fd, VIR_EVENT_HANDLE_READABLE, stalled, h, NULL);
    return h->watch >= 0;
}

Host *host_open(const char *cgroup, HostPressed pressed, void *opaque)
{
    Host *h = g_new0(Host, 1);

    h->cgroup = g_strdup(cgroup);
    h->psi = cgroup ? g_build_filename(cgroup, "memory.pressure", NULL)
                    : g_strdup("/proc/pressure/memory");
    h->pressed = pressed;
    h->opaque = opaque;
    h->psi_fd = h->epoll_fd = h->watch = -1;
    watch_pressure(h);
    return h;
}

bool host_has_trigger(const Host *h)
{
    return h->watch >= 0;
}

void host_close(Host *h)
{
    if (h->watch >= 0) {
        virEventRemoveHandle(h->watch);
    }
    if (h->epoll_fd >= 0) {
        close(h->epoll_fd);
    }
    if (h->psi_fd >= 0) {
        close(h->psi_fd);
    }
    g_free(h->psi);
    g_free(h->cgroup);
    g_free(h);
}
