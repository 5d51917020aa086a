/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's settings of transparent huge pages, see thp.h.
 *
 * Pure.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "thp.h"

/* Whether @word is the one that is chosen, in brackets among the others. */
static bool chosen(const char *text, const char *word)
{
    const char *open = text ? strchr(text, '[') : NULL;
    size_t length = strlen(word);

    return open && !strncmp(open + 1, word, length) && open[1 + length] == ']';
}

/* Whether memory that asks for huge pages may get some. */
static bool allowed(const char *text)
{
    return chosen(text, "always") || chosen(text, "madvise") || chosen(text, "advise") ||
           chosen(text, "within_size") || chosen(text, "force");
}

static bool inherits(const char *sized)
{
    return !sized || chosen(sized, "inherit");
}

bool thp_private(const char *enabled, const char *sized)
{
    return allowed(inherits(sized) ? enabled : sized);
}

bool thp_shared(const char *enabled, const char *sized, const char *mount)
{
    if (chosen(enabled, "deny")) {
        return false;
    }
    if (chosen(enabled, "force")) {
        return true;
    }
    if (mount) {
        return !strcmp(mount, "always") || !strcmp(mount, "within_size") ||
               !strcmp(mount, "advise");
    }
    return allowed(inherits(sized) ? enabled : sized);
}

/* The value of option @name in a list like "rw,size=64m,huge=advise". */
static void option(const char *list, const char *name, char *value, size_t size)
{
    g_auto(GStrv) all = g_strsplit(list, ",", -1);

    g_strlcpy(value, "", size);
    for (char **one = all; *one; one++) {
        if (g_str_has_prefix(*one, name)) {
            g_strlcpy(value, *one + strlen(name), size);
        }
    }
}

bool thp_mount(const char *mountinfo, unsigned major, unsigned minor, char *huge, size_t size)
{
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

    for (char **line = lines; *line; line++) {
        /* Fields 1 to 6 and optional ones, a lone dash, then kind, source and options. */
        const char *rest = strstr(*line, " - tmpfs ");
        unsigned ma, mi;

        if (rest && sscanf(*line, "%*s %*s %u:%u ", &ma, &mi) == 2 && ma == major &&
            mi == minor) {
            option(strrchr(rest, ' ') + 1, "huge=", huge, size);
            return true;
        }
    }
    return false;
}
