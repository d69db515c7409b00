#include "base/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bt_status bt_exposition_open(bt_exposition *page, bool open_metrics, bt_error *error) {
    *page = (bt_exposition){.open_metrics = open_metrics};
    page->out = open_memstream(&page->text, &page->size);
    return page->out ? BT_OK : bt_no_memory(error, "metrics");
}

/* What the samples of a family have behind its name; the older format's family is called so itself. */
static const char *end_of(bt_family_type type) {
    return type == BT_FAMILY_COUNTER ? "_total" : type == BT_FAMILY_INFO ? "_info" : "";
}

/* The older format has no type for what only tells by its labels. */
static const char *type_of(const bt_exposition *page) {
    static const char *const names[] = {"counter", "gauge", "summary", "histogram", "info"};
    if (page->family.type == BT_FAMILY_INFO && !page->open_metrics) return "gauge";
    return names[page->family.type];
}

static const char *unit_of(const char *name) {
    static const char *const units[] = {"seconds", "bytes", "ratio"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; last && i < sizeof units / sizeof *units; i++)
        if (strcmp(last + 1, units[i]) == 0) return units[i];
    return NULL;
}

void bt_exposition_family(bt_exposition *page, const bt_family *family) {
    page->family = *family;
    const char *end = page->open_metrics ? "" : end_of(family->type), *unit = unit_of(family->name);
    fprintf(page->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, end, family->help, family->name, end,
            type_of(page));
    if (page->open_metrics && unit) fprintf(page->out, "# UNIT %s %s\n", family->name, unit);
}

/* Backslash, quote and newline are escaped, other control characters become '?'. One byte that is no UTF-8 would cost
 * the reader the whole page, so that such a value's bytes beyond ASCII do, too. */
static void write_label(FILE *out, const bt_exposition_label *label) {
    const bool clean = bt_text_is_utf8(label->value);
    fprintf(out, "%s=\"", label->name);
    for (const char *at = label->value; *at; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte == '\n')
            fputs("\\n", out);
        else if (byte == '\\' || byte == '"')
            fprintf(out, "\\%c", byte);
        else
            fputc(byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !clean) ? '?' : byte, out);
    }
    fputc('"', out);
}

void bt_exposition_sample(bt_exposition *page, const char *suffix, const bt_exposition_label *labels,
                          int count, double value) {
    fprintf(page->out, "%s%s%s", page->family.name, end_of(page->family.type), suffix);
    for (int i = 0; i < count; i++) {
        fputc(i == 0 ? '{' : ',', page->out);
        write_label(page->out, &labels[i]);
    }
    if (count > 0) fputc('}', page->out);
    if (isfinite(value))
        bt_text_print(page->out, " %.15g\n", value);
    else
        fputs(isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n", page->out);
}

bt_status bt_exposition_close(bt_exposition *page, char **out, bt_error *error) {
    if (page->open_metrics) fputs("# EOF\n", page->out);
    const bool failed = ferror(page->out) != 0;
    const bool whole = fclose(page->out) == 0 && !failed;
    if (out) *out = NULL;
    if (whole && out)
        *out = page->text;
    else
        free(page->text);
    *page = (bt_exposition){.out = NULL};
    return whole ? BT_OK : bt_no_memory(error, "metrics");
}
