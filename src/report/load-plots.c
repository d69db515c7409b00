#include "report/load-plots.h"

#include <stdio.h>

#include "report/gnuplot-script.h"
#include "report/load-panels.h"
#include "report/load.h"
#include "report/plot-files.h"
#include "report/whole-file.h"

_Static_assert(BT_LOAD_PLOT_COUNT <= BT_PLOT_SCRIPTS_MAX, "gnuplot is given all plots of a model at once");

const char *bt_load_plot_name(bt_load_plot plot) {
    static const char *const names[BT_LOAD_PLOT_COUNT] = {"percentiles", "scenarios", "series",  "batches",
                                                          "split",       "rates",     "capacity"};
    return plot < BT_LOAD_PLOT_COUNT ? names[plot] : "unknown";
}

bt_status bt_load_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model, bt_load_plot plot,
                            const char *extension, bt_error *error) {
    char rest[64];
    snprintf(rest, sizeof rest, "-load-%s.%s", bt_load_plot_name(plot), extension);
    return bt_plot_file(out, folder, model, rest, error);
}

bool bt_load_plot_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot) {
    return bt_load_panel_is_drawn(record, model, plot);
}

/* ---- scripts ---- */

static void put_script(FILE *out, FILE *data, const bt_load_record *record, const bt_load_model *model,
                       bt_load_plot plot) {
    char stem[BT_PATH_SIZE], rest[64], size[32];
    bt_error ignored;
    snprintf(rest, sizeof rest, "-load-%s", bt_load_plot_name(plot));
    if (bt_plot_file(stem, "", model->model, rest, &ignored) != BT_OK) return;
    bt_load_panel_size(record, model, plot, size);
    bt_script_prologue(out, stem, stem, size);
    bt_load_panel_write(out, data, record, model, plot);
    fputs("unset output\nreset\n}\n", out);
}

/* The script, and its data beside it. */
static bt_status write_one(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                           const char *folder, bt_error *error) {
    char path[BT_PATH_SIZE], data_path[BT_PATH_SIZE];
    bt_whole_file script, data = {0};
    bt_status status = bt_load_plot_path(path, folder, model->model, plot, "gnuplot", error);
    if (status == BT_OK) status = bt_load_plot_path(data_path, folder, model->model, plot, "dat", error);
    if (status != BT_OK) return status;
    status = bt_whole_file_open(&script, "a plot", error);
    if (status == BT_OK) status = bt_whole_file_open(&data, "a plot's data", error);
    if (status == BT_OK) put_script(script.out, data.out, record, model, plot);
    status = bt_whole_file_close(&script, status, path, error);
    return bt_whole_file_close(&data, status, data_path, error);
}

bt_status bt_load_plots_write(const bt_load_record *record, const char *folder, bt_error *error) {
    bt_status status = bt_folder_make(folder, error);
    for (int i = 0; i < record->model_count; i++)
        for (int plot = 0; plot < BT_LOAD_PLOT_COUNT && status == BT_OK; plot++)
            if (bt_load_plot_is_drawn(record, &record->models[i], (bt_load_plot)plot))
                status = write_one(record, &record->models[i], (bt_load_plot)plot, folder, error);
    return status;
}

bt_status bt_load_plots_render(const bt_load_record *record, const char *folder, int64_t timeout_ns,
                               char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    bt_status status = BT_OK;
    said[0] = '\0';
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        const bt_load_model *model = &record->models[i];
        bt_plot_scripts scripts = {0};
        for (int plot = 0; plot < BT_LOAD_PLOT_COUNT && status == BT_OK; plot++)
            if (bt_load_plot_is_drawn(record, model, (bt_load_plot)plot))
                status = bt_load_plot_path(scripts.names[scripts.count++], ".", model->model,
                                           (bt_load_plot)plot, "gnuplot", error);
        if (status == BT_OK) status = bt_plot_scripts_run(&scripts, folder, timeout_ns, said, error);
    }
    return status;
}
