/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt's XML says of a domain, see metadata.h. */
#include <string.h>

#include "metadata.h"

/* A domain has one balloon, and its statistics stand within it. */
static void see_balloon(GMarkupParseContext *context, const char *element, const char **names,
                        const char **values, void *opaque, GError **error)
{
    const GSList *parents = g_markup_parse_context_get_element_stack(context);
    const char *above = parents->next ? parents->next->data : "";
    BalloonXml *out = opaque;

    (void)error;
    for (unsigned i = 0; names[i]; i++) {
        if (!strcmp(element, "memballoon") && !strcmp(names[i], "model")) {
            out->present = strcmp(values[i], "none") != 0;
        } else if (!strcmp(element, "memballoon") && !strcmp(names[i], "autodeflate")) {
            out->autodeflate = !strcmp(values[i], "on");
        } else if (!strcmp(element, "stats") && !strcmp(above, "memballoon") &&
                   !strcmp(names[i], "period")) {
            out->period = g_ascii_strtoull(values[i], NULL, 10);
        }
    }
}

bool metadata_balloon(const char *domain_xml, BalloonXml *out)
{
    static const GMarkupParser parser = { .start_element = see_balloon };
    g_autoptr(GMarkupParseContext) context = NULL;

    *out = (BalloonXml){};
    context = g_markup_parse_context_new(&parser, 0, out, NULL);
    return g_markup_parse_context_parse(context, domain_xml, -1, NULL) &&
           g_markup_parse_context_end_parse(context, NULL);
}

typedef struct Wishes {
    GuestConfig *guest;
    GPtrArray *faults;
} Wishes;

static void see_wish(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, void *opaque, GError **error)
{
    const char *name = strchr(element, ':');
    Wishes *w = opaque;

    (void)error;
    if (g_markup_parse_context_get_element_stack(context)->next ||
        strcmp(name ? name + 1 : element, "guest")) {
        g_ptr_array_add(w->faults, g_strdup_printf("<%s>: only <guest/> is known", element));
        return;
    }
    for (unsigned i = 0; names[i]; i++) {
        char *wrong;

        if (g_str_has_prefix(names[i], "xmlns")) {
            continue;
        }
        wrong = config_set_guest(w->guest, names[i], values[i]);
        if (wrong) {
            g_ptr_array_add(w->faults, wrong);
        }
    }
}

void metadata_apply(const char *element_xml, GuestConfig *guest, GPtrArray *faults)
{
    static const GMarkupParser parser = { .start_element = see_wish };
    Wishes wishes = { guest, faults };
    g_autoptr(GMarkupParseContext) context = NULL;
    g_autoptr(GError) error = NULL;

    context = g_markup_parse_context_new(&parser, 0, &wishes, NULL);
    if (!g_markup_parse_context_parse(context, element_xml, -1, &error) ||
        !g_markup_parse_context_end_parse(context, &error)) {
        g_ptr_array_add(faults, g_strdup(error->message));
    }
}
