/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration, see config.h.  Each line is judged by GKeyFile on its own:
 * of a whole file it does not say where a fault is, and takes nothing of it.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

typedef enum Kind { KIND_TEXT, KIND_PATH, KIND_PERCENT, KIND_WEIGHT, KIND_SIZE, KIND_SWITCH } Kind;

typedef struct Setting {
    const char *key;
    Kind kind;
    size_t offset;
} Setting;

static const Setting daemon_settings[] = {
    { "connect", KIND_TEXT, offsetof(Config, uri) },
    { "socket", KIND_PATH, offsetof(Config, socket) },
    { "metrics-file", KIND_PATH, offsetof(Config, metrics) },
    {},
};

static const Setting host_settings[] = {
    { "tight-percent", KIND_PERCENT, offsetof(Config, policy.tight_percent) },
    { "critical-percent", KIND_PERCENT, offsetof(Config, policy.critical_percent) },
    { "cgroup", KIND_PATH, offsetof(Config, cgroup) },
    {},
};

static const Setting guest_settings[] = {
    { "managed", KIND_SWITCH, offsetof(GuestConfig, limits.managed) },
    { "weight", KIND_WEIGHT, offsetof(GuestConfig, limits.weight) },
    { "min", KIND_SIZE, offsetof(GuestConfig, limits.min) },
    { "max", KIND_SIZE, offsetof(GuestConfig, limits.max) },
    { "reserve", KIND_SIZE, offsetof(GuestConfig, limits.reserve) },
    { "swap", KIND_SIZE, offsetof(GuestConfig, limits.swap) },
    { "monitor", KIND_SWITCH, offsetof(GuestConfig, monitor) },
    {},
};

static const struct Section {
    const char *name;
    const Setting *settings;
    size_t offset;
} sections[] = {
    { "daemon", daemon_settings, 0 },
    { "host", host_settings, 0 },
    { "guests", guest_settings, offsetof(Config, guests) },
};

/* One file that is being read. */
typedef struct Reader {
    Config *config;
    GPtrArray *faults;
    const char *file;
    unsigned line;
    char *group;
    const struct Section *section; /* NULL: none yet, or an unknown one */
    char *last[G_N_ELEMENTS(sections)];
} Reader;

static void G_GNUC_PRINTF(2, 3) fault(const Reader *r, const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(r->faults, g_strdup_printf("%s:%u: %s", r->file, r->line, text));
}

bool config_size(const char *text, uint64_t *kib)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    uint64_t number;
    unsigned shift;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    number = g_ascii_strtoull(text, &end, 10);
    unit = *end ? strchr(units, *end) : NULL;
    if (!unit || end[1]) {
        return false;
    }
    shift = 10 * (unit - units);
    if (!number || number > (UINT64_C(1) << 50) >> shift) {
        return false;
    }
    *kib = number << shift;
    return true;
}

static bool read_switch(const char *text, bool *value)
{
    bool yes = !strcmp(text, "yes") || !strcmp(text, "true");

    if (!yes && strcmp(text, "no") && strcmp(text, "false")) {
        return false;
    }
    *value = yes;
    return true;
}

/* Return: what is wrong, or NULL. */
static const char *set_value(const Setting *s, void *base, const char *text)
{
    void *at = (char *)base + s->offset;
    uint64_t most = s->kind == KIND_PERCENT ? 50 : 1000, number;

    switch (s->kind) {
    case KIND_TEXT:
    case KIND_PATH:
        if (!*text || (s->kind == KIND_PATH && !g_path_is_absolute(text))) {
            return "is not an absolute path";
        }
        g_free(*(char **)at);
        *(char **)at = g_strdup(text);
        return NULL;
    case KIND_PERCENT:
    case KIND_WEIGHT:
        if (!g_ascii_string_to_unsigned(text, 10, 1, most, &number, NULL)) {
            return s->kind == KIND_PERCENT ? "is not a number from 1 to 50"
                                           : "is not a number from 1 to 1000";
        }
        *(uint32_t *)at = number;
        return NULL;
    case KIND_SIZE:
        return config_size(text, at) ? NULL : "is not a size like 512M or 4G";
    default:
        return read_switch(text, at) ? NULL : "is neither yes nor no";
    }
}

static const Setting *find(const Setting *s, const char *key)
{
    while (s->key && strcmp(s->key, key)) {
        s++;
    }
    return s->key ? s : NULL;
}

char *config_set_guest(GuestConfig *guest, const char *key, const char *value)
{
    const Setting *s = find(guest_settings, key);
    const char *wrong;

    if (!s) {
        return g_strdup_printf("there is no setting '%s'", key);
    }
    wrong = set_value(s, guest, value);
    return wrong ? g_strdup_printf("%s = %s: %s", key, value, wrong) : NULL;
}

static void take_key(Reader *r, const char *key, const char *value)
{
    const Setting *s;
    const char *wrong;

    if (!r->section) {
        return; /* its section was named as unknown */
    }
    s = find(r->section->settings, key);
    if (!s) {
        fault(r, "there is no setting '%s' in [%s]", key, r->section->name);
        return;
    }
    wrong = set_value(s, (char *)r->config + r->section->offset, value);
    if (wrong) {
        fault(r, "%s = %s: %s", key, value, wrong);
        return;
    }
    g_free(r->last[r->section - sections]);
    r->last[r->section - sections] = g_strdup_printf("%s:%u", r->file, r->line);
}

static void take_group(Reader *r, const char *name)
{
    r->section = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        if (!strcmp(sections[i].name, name)) {
            r->section = &sections[i];
        }
    }
    if (!r->section) {
        fault(r, "there is no section [%s]", name);
    }
    g_free(r->group);
    r->group = g_strdup(name);
}

static void read_line(Reader *r, const char *line)
{
    g_autoptr(GKeyFile) keys = g_key_file_new();
    g_autofree char *text = g_strdup_printf("[%s]\n%s\n", r->group ? r->group : " ", line);
    g_auto(GStrv) groups = NULL, names = NULL;
    gsize count;

    if (!g_key_file_load_from_data(keys, text, -1, G_KEY_FILE_NONE, NULL)) {
        fault(r, "neither key = value nor [section]: %s", line);
        return;
    }
    groups = g_key_file_get_groups(keys, &count);
    if (count > 1 || *g_strchug((char *)line) == '[') {
        take_group(r, groups[count - 1]);
        return;
    }
    names = g_key_file_get_keys(keys, groups[0], NULL, NULL);
    if (names && names[0]) {
        g_autofree char *value = g_key_file_get_string(keys, groups[0], names[0], NULL);

        if (!r->group) {
            fault(r, "'%s' stands in no section", names[0]);
        } else if (!value) {
            fault(r, "%s: a value that cannot be read", names[0]);
        } else {
            take_key(r, names[0], g_strchomp(value));
        }
    }
}

static void read_file(Reader *r, const char *file, bool must)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;

    r->file = file;
    r->section = NULL;
    g_clear_pointer(&r->group, g_free);
    if (!g_file_get_contents(file, &text, NULL, &error)) {
        if (must || !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            g_ptr_array_add(r->faults, g_strdup(error->message));
        }
        return;
    }
    lines = g_strsplit(text, "\n", -1);
    for (r->line = 1; lines[r->line - 1]; r->line++) {
        read_line(r, lines[r->line - 1]);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_folder(Reader *r, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, ".conf")) {
            g_ptr_array_add(files, g_build_filename(folder, name, NULL));
        }
    }
    g_ptr_array_sort(files, by_name);
    for (unsigned i = 0; i < files->len; i++) {
        read_file(r, files->pdata[i], true);
    }
}

static Config *defaults(void)
{
    Config *c = g_new0(Config, 1);

    c->uri = g_strdup(CONFIG_URI);
    c->socket = g_strdup(CONFIG_SOCKET);
    c->policy = (PolicyConfig){ .tight_percent = 15, .critical_percent = 5 };
    c->guests.limits = (PolicyLimits){ .managed = true, .weight = 100 };
    return c;
}

/* What only two settings together can get wrong: both are as they were then. */
static void check_together(Reader *r)
{
    g_autoptr(Config) was = defaults();
    const char *wrong = policy_config_fault(&r->config->policy);

    if (wrong) {
        g_ptr_array_add(r->faults, g_strdup_printf("%s: %s", r->last[1], wrong));
        r->config->policy = was->policy;
    }
    wrong = policy_limits_fault(&r->config->guests.limits, 0);
    if (wrong) {
        g_ptr_array_add(r->faults, g_strdup_printf("%s: %s", r->last[2], wrong));
        r->config->guests.limits.min = r->config->guests.limits.max = 0;
    }
}

Config *config_load(const char *file, GPtrArray *faults)
{
    g_autofree char *folder = g_strconcat(file, ".d", NULL);
    Reader r = { .config = defaults(), .faults = faults };

    read_file(&r, file, strcmp(file, CONFIG_FILE) != 0);
    read_folder(&r, folder);
    check_together(&r);
    g_free(r.group);
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_free(r.last[i]);
    }
    return r.config;
}

void config_free(Config *c)
{
    g_free(c->uri);
    g_free(c->socket);
    g_free(c->metrics);
    g_free(c->cgroup);
    g_free(c);
}
