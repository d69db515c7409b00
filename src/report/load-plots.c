#include "report/load-plots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/load-panels.h"
#include "report/load.h"
#include "report/sweep-plots.h"

const char *bt_load_plot_name(bt_load_plot plot) {
    static const char *const names[BT_LOAD_PLOT_COUNT] = {"percentiles", "scenarios", "series", "batches",
                                                          "split"};
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
    char stem[BT_PATH_SIZE], size[32];
    bt_error ignored;
    if (bt_load_plot_path(stem, "", model->model, plot, "", &ignored) != BT_OK) return;
    stem[strlen(stem) - 1] = '\0'; /* the point of the extension */
    bt_load_panel_size(record, model, plot, size);
    bt_plot_prologue(out, stem, stem, size);
    bt_load_panel_write(out, data, record, model, plot);
    fputs("unset output\nreset\n}\n", out);
}

static bt_status replace(const char *folder, const bt_load_model *model, bt_load_plot plot,
                         const char *extension, const char *text, size_t size, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_load_plot_path(path, folder, model->model, plot, extension, error);
    return status == BT_OK ? bt_file_replace(path, text, size, false, error) : status;
}

/* The script, and its data beside it. */
static bt_status write_one(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                           const char *folder, bt_error *error) {
    char *script = NULL, *rows = NULL;
    size_t script_size = 0, rows_size = 0;
    bt_status status = BT_OK;
    FILE *out = open_memstream(&script, &script_size), *data = open_memstream(&rows, &rows_size);
    if (out && data) put_script(out, data, record, model, plot);
    bool written = out && data;
    if (out && fclose(out) != 0) written = false;
    if (data && fclose(data) != 0) written = false;
    if (!written) status = bt_no_memory(error, "plots in %s", folder);
    if (status == BT_OK) status = replace(folder, model, plot, "gnuplot", script, script_size, error);
    if (status == BT_OK) status = replace(folder, model, plot, "dat", rows, rows_size, error);
    free(script);
    free(rows);
    return status;
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
        char names[BT_LOAD_PLOT_COUNT][BT_PATH_SIZE], now[BT_GNUPLOT_SAID_SIZE];
        const char *scripts[BT_LOAD_PLOT_COUNT];
        int count = 0;
        for (int plot = 0; plot < BT_LOAD_PLOT_COUNT && status == BT_OK; plot++) {
            if (!bt_load_plot_is_drawn(record, model, (bt_load_plot)plot)) continue;
            status = bt_load_plot_path(names[count], ".", model->model, (bt_load_plot)plot, "gnuplot", error);
            scripts[count] = names[count];
            count++;
        }
        if (status != BT_OK || count == 0) continue;
        status = bt_gnuplot_run(folder, scripts, count, timeout_ns, now, error);
        if (now[0]) memcpy(said, now, sizeof now);
    }
    return status;
}
