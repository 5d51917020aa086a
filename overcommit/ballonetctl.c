/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ballonetctl: asks ballonetd, and prints what it says.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"

#define ANSWER_S 10
#define RESERVE_S "120"

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "ballonetctl: %s: %s\n", what, why);
    return 1;
}

static int reach(const char *path)
{
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    struct timeval timeout = { .tv_sec = ANSWER_S };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        g_strlcpy(where.sun_path, path, sizeof(where.sun_path)) >= sizeof(where.sun_path)) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&where, sizeof(where)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int ask(const char *path, const char *line)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    char part[4096];
    ssize_t got;
    int fd = reach(path);

    if (fd < 0) {
        return fail(path, errno == ENOENT || errno == ECONNREFUSED ? "ballonetd does not run"
                                                                   : g_strerror(errno));
    }
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line)) {
        return fail(path, "ballonetd does not listen");
    }
    while ((got = read(fd, part, sizeof(part))) > 0) {
        g_string_append_len(answer, part, got);
    }
    close(fd);
    if (got < 0) {
        return fail(path, "ballonetd does not answer");
    }
    if (g_str_has_prefix(answer->str, "ok\n")) {
        fputs(answer->str + strlen("ok\n"), stdout);
        return 0;
    }
    if (g_str_has_prefix(answer->str, "error\n")) {
        fprintf(stderr, "ballonetctl: %s", answer->str + strlen("error\n"));
        return 1;
    }
    return fail(path, "ballonetd breaks off");
}

static const char usage[] = "  status             every guest: size, demand, and why\n"
                            "  explain GUEST      all that is known of one\n"
                            "  hold GUEST         leave its size as it is\n"
                            "  release GUEST      manage it again\n"
                            "  reserve SIZE       keep so much free for a domain to come (4G)";

int main(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int words;
    } verbs[] = {
        { "status", 1 }, { "explain", 2 }, { "hold", 2 }, { "release", 2 }, { "reserve", 2 }
    };
    g_autofree char *socket_path = NULL, *words = NULL, *line = NULL;
    int seconds = 0;
    const GOptionEntry entries[] = {
        { "socket", 's', 0, G_OPTION_ARG_FILENAME, &socket_path, "the daemon's socket", "FILE" },
        { "for", 0, 0, G_OPTION_ARG_INT, &seconds, "with reserve: so long (default " RESERVE_S ")",
          "SECONDS" },
        {},
    };
    g_autoptr(GOptionContext) options = g_option_context_new("COMMAND");
    g_autoptr(GError) error = NULL;
    bool known = false;

    g_option_context_add_main_entries(options, entries, NULL);
    g_option_context_set_description(options, usage);
    if (!g_option_context_parse(options, &argc, &argv, &error)) {
        fail("arguments", error->message);
        return 2;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
        known |= argc > 1 && !strcmp(argv[1], verbs[i].verb) && argc - 1 == verbs[i].words;
    }
    if (!known || seconds < 0 || (seconds && strcmp(argv[1], "reserve"))) {
        g_autofree char *text = g_option_context_get_help(options, TRUE, NULL);

        fputs(text, stderr);
        return 2;
    }
    words = g_strjoinv("\t", argv + 1);
    if (strcmp(argv[1], "reserve")) {
        line = g_strconcat(words, "\n", NULL);
    } else {
        line = seconds ? g_strdup_printf("%s\t%d\n", words, seconds)
                       : g_strconcat(words, "\t" RESERVE_S "\n", NULL);
    }
    if (strchr(line, '\n') != line + strlen(line) - 1) {
        return fail(argv[1], "a name is one line");
    }
    return ask(socket_path ? socket_path : CONFIG_SOCKET, line);
}
