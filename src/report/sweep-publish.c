#include "report/sweep-publish.h"

#include "report/plot-files.h"
#include "report/sweep-plots.h"
#include "report/sweep.h"
#include "report/whole-file.h"

bt_status bt_sweep_publish(const bt_record *record, bt_format format, const char *plots, const char *report,
                           FILE *out, bt_error *error) {
    char pictures[BT_PATH_SIZE];
    json_t *json = NULL;
    bt_status status = BT_OK;
    switch (format) {
    case BT_FORMAT_TABLE:
        return bt_sweep_report_table(record, out, error);
    case BT_FORMAT_JSON:
        status = bt_record_to_json(record, &json, error);
        return bt_whole_json(status, json, out, error);
    case BT_FORMAT_CSV:
        return bt_sweep_report_csv(record, out, error);
    case BT_FORMAT_MARKDOWN:
        status = bt_plots_seen_from(pictures, plots, report, error);
        return status == BT_OK ? bt_sweep_report_markdown(record, plots ? pictures : NULL, out, error)
                               : status;
    case BT_FORMAT_HTML:
        return bt_sweep_report_html(record, plots, out, error);
    }
    return bt_fail(error, BT_INVALID, "--format: %d is no format", (int)format);
}

bt_status bt_sweep_publish_file(const bt_record *record, bt_format format, const char *plots,
                                const char *path, bt_error *error) {
    bt_whole_file file;
    bt_status status = bt_whole_file_open(&file, "the report", error);
    if (status == BT_OK) status = bt_sweep_publish(record, format, plots, path, file.out, error);
    return bt_whole_file_close(&file, status, path, error);
}

bt_status bt_sweep_publish_plots(const bt_record *record, const char *folder, bt_log *log, bt_error *error) {
    bt_plot_drawing drawing = {0};
    bt_status status = bt_sweep_plots_write(record, folder, error);
    if (status != BT_OK) return status;
    drawing.status = bt_sweep_plots_render(record, folder, BT_PLOT_TIMEOUT_NS, drawing.said, &drawing.error);
    return bt_plot_drawing_end(&drawing, log, error);
}
