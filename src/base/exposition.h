/* Figures as monitoring reads them: Prometheus's text format (0.0.4), and OpenMetrics 1.0, which succeeds it.
 *
 * The two differ in little (where a counter's name ends, that units are told, what the end looks like), so a page is
 * written once, family by family, and its format is chosen at the start. What a reader would refuse a whole page for
 * cannot be written: a decimal comma, a label that is no UTF-8, a carriage return. */
#ifndef BT_BASE_EXPOSITION_H
#define BT_BASE_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PROMETHEUS_TYPE   "text/plain; version=0.0.4; charset=utf-8"
#define BT_OPEN_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

typedef enum bt_family_type {
    BT_FAMILY_COUNTER,
    BT_FAMILY_GAUGE,
    BT_FAMILY_SUMMARY,
    BT_FAMILY_HISTOGRAM,
    BT_FAMILY_INFO
} bt_family_type;

/* What samples of one name have in common. A counter's name goes without _total, and an info's without _info: their
 * samples have it. A unit is what the name ends with: seconds, bytes or ratio. */
typedef struct bt_family {
    const char *name;
    bt_family_type type;
    const char *help;
} bt_family;

typedef struct bt_exposition_label {
    const char *name, *value;
} bt_exposition_label;

/* A page under way. */
typedef struct bt_exposition {
    FILE *out;
    bool open_metrics;
    bt_family family; /* the one under way */
    char *text;
    size_t size;
} bt_exposition;

/* BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_exposition_open(bt_exposition *page, bool open_metrics, bt_error *error);

/* Begins a family: its samples follow, and none of another's comes between them. */
void bt_exposition_family(bt_exposition *page, const bt_family *family);

/* One sample of the family under way. `suffix` is what a summary's or histogram's name ends with ("_bucket", "_sum",
 * "_count"), and "" of all others. */
void bt_exposition_sample(bt_exposition *page, const char *suffix, const bt_exposition_label *labels,
                          int count, double value);

/* Ends the page and hands out its text, to be freed by free; BT_NO_MEMORY where there was none on the way. Nothing of
 * the page is left, whatever it returns. `out` may be NULL: the page is dropped. */
BT_MUST_USE bt_status bt_exposition_close(bt_exposition *page, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
