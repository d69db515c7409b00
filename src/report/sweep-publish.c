#include "report/sweep-publish.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "report/sweep-plots.h"
#include "report/sweep.h"

#define GNUPLOT_TIMEOUT_NS (60 * BT_NS_PER_S)

static bt_status put_json(const bt_record *record, FILE *out, bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_record_to_json(record, &json, error);
    if (status != BT_OK) return status;
    status = bt_json_write(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17), out, error);
    json_decref(json);
    return status;
}

static bt_status put_markdown(const bt_record *record, const char *plots, const char *report, FILE *out,
                              bt_error *error) {
    char pictures[BT_PATH_SIZE];
    if (!plots) return bt_sweep_report_markdown(record, NULL, out, error);
    bt_status status = bt_plots_seen_from(pictures, plots, report, error);
    return status == BT_OK ? bt_sweep_report_markdown(record, pictures, out, error) : status;
}

bt_status bt_sweep_publish(const bt_record *record, bt_format format, const char *plots, const char *report,
                           FILE *out, bt_error *error) {
    switch (format) {
    case BT_FORMAT_TABLE:
        return bt_sweep_report_table(record, out, error);
    case BT_FORMAT_JSON:
        return put_json(record, out, error);
    case BT_FORMAT_CSV:
        return bt_sweep_report_csv(record, out, error);
    case BT_FORMAT_MARKDOWN:
        return put_markdown(record, plots, report, out, error);
    case BT_FORMAT_HTML:
        return bt_sweep_report_html(record, plots, out, error);
    }
    return bt_fail(error, BT_INVALID, "--format: %d is no format", (int)format);
}

bt_status bt_sweep_publish_file(const bt_record *record, bt_format format, const char *plots,
                                const char *path, bt_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return bt_no_memory(error, "the report");
    bt_status status = bt_sweep_publish(record, format, plots, path, out, error);
    if (fclose(out) != 0 && status == BT_OK) status = bt_no_memory(error, "the report");
    if (status == BT_OK) status = bt_file_replace(path, text, size, false, error);
    free(text);
    return status;
}

bt_status bt_sweep_publish_plots(const bt_record *record, const char *folder, bt_log *log, bt_error *error) {
    char said[BT_GNUPLOT_SAID_SIZE];
    bt_status status = bt_sweep_plots_write(record, folder, error);
    if (status != BT_OK) return status;
    bt_error drawing = {BT_OK, ""};
    status = bt_sweep_plots_render(record, folder, GNUPLOT_TIMEOUT_NS, said, &drawing);
    if (status == BT_NO_MEMORY) return bt_fail(error, status, "%s", drawing.message);
    if (status != BT_OK) bt_log_write(log, BT_LOG_WARNING, "%s", drawing.message);
    if (status == BT_OK && said[0]) bt_log_write(log, BT_LOG_WARNING, "gnuplot says: %s", said);
    return BT_OK;
}
