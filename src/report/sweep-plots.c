#include "report/sweep-plots.h"

#include <stdio.h>

#include "report/gnuplot-script.h"
#include "report/plot-files.h"
#include "report/sweep-panels.h"
#include "report/sweep-rates.h"
#include "report/whole-file.h"

_Static_assert(BT_SWEEP_PLOT_COUNT <= BT_PLOT_SCRIPTS_MAX, "gnuplot is given all plots of a model at once");

const char *bt_sweep_plot_name(bt_sweep_plot plot) {
    static const char *const names[BT_SWEEP_PLOT_COUNT] = {"overview", "throughput", "latency", "efficiency",
                                                           "memory",   "pareto",     "rates"};
    return plot < BT_SWEEP_PLOT_COUNT ? names[plot] : "unknown";
}

bt_status bt_sweep_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model,
                             bt_sweep_plot plot, const char *extension, bt_error *error) {
    char rest[64];
    snprintf(rest, sizeof rest, "-%s.%s", bt_sweep_plot_name(plot), extension);
    return bt_plot_file(out, folder, model, rest, error);
}

bool bt_sweep_plot_is_drawn(const bt_model_record *model, bt_sweep_plot plot) {
    if (plot == BT_SWEEP_PLOT_RATES) return bt_sweep_rates_are_drawn(model);
    return plot == BT_SWEEP_PLOT_OVERVIEW || bt_sweep_panel_is_drawn(model, plot);
}

static int panels_drawn(const bt_model_record *model) {
    int count = 0;
    for (int plot = BT_SWEEP_PLOT_THROUGHPUT; plot < BT_SWEEP_PLOT_COUNT; plot++)
        count += bt_sweep_panel_is_drawn(model, (bt_sweep_plot)plot);
    return count;
}

/* In pixels: a page of one panel, or of two in a row with the legend as the last. */
static void page_size(const bt_model_record *model, bt_sweep_plot plot, char out[32]) {
    int panels = panels_drawn(model);
    if (plot == BT_SWEEP_PLOT_RATES)
        snprintf(out, 32, "860,560");
    else if (plot != BT_SWEEP_PLOT_OVERVIEW)
        snprintf(out, 32, "800,520");
    else if (panels == 0)
        snprintf(out, 32, "800,120");
    else
        snprintf(out, 32, "1000,%d", 60 + 370 * (panels / 2 + 1));
}

static void put_overview(FILE *out, const bt_record *record, const bt_model_record *model) {
    char subject[256];
    int panels = panels_drawn(model);
    if (panels == 0) {
        bt_sweep_panel_nothing(out, model);
        return;
    }
    bt_sweep_panel_subject(record, model, subject, sizeof subject);
    fprintf(out, "set multiplot layout %d,2 title ", panels / 2 + 1);
    bt_script_string(out, model->title);
    fputs(" . \"\\n\" . ", out);
    bt_script_string(out, subject);
    fputs(" font ',13'\n", out);
    for (int plot = BT_SWEEP_PLOT_THROUGHPUT; plot < BT_SWEEP_PLOT_COUNT; plot++)
        if (bt_sweep_panel_is_drawn(model, (bt_sweep_plot)plot))
            bt_sweep_panel_write(out, record, model, (bt_sweep_plot)plot, true);
    bt_sweep_panel_legend(out, record, model);
    fputs("unset multiplot\n", out);
}

static void put_script(FILE *out, const bt_record *record, const bt_model_record *model, bt_sweep_plot plot) {
    char data[BT_PATH_SIZE], stem[BT_PATH_SIZE], rest[64], size[32];
    bt_error ignored;
    snprintf(rest, sizeof rest, "-%s", bt_sweep_plot_name(plot));
    if (bt_plot_file(data, "", model->model, "", &ignored) != BT_OK ||
        bt_plot_file(stem, "", model->model, rest, &ignored) != BT_OK)
        return;
    page_size(model, plot, size);
    bt_script_prologue(out, stem, data, size);
    if (plot == BT_SWEEP_PLOT_OVERVIEW)
        put_overview(out, record, model);
    else if (plot == BT_SWEEP_PLOT_RATES)
        bt_sweep_rates_write(out, record, model);
    else
        bt_sweep_panel_write(out, record, model, plot, false);
    fputs("unset output\n}\n", out);
}

/* Writes one file: a model's data for plot BT_SWEEP_PLOT_COUNT, else that plot's script. */
static bt_status write_one(const bt_record *record, const bt_model_record *model, const char *folder,
                           bt_sweep_plot plot, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_whole_file file;
    bool is_data = plot == BT_SWEEP_PLOT_COUNT;
    bt_status status = is_data ? bt_plot_file(path, folder, model->model, ".dat", error)
                               : bt_sweep_plot_path(path, folder, model->model, plot, "gnuplot", error);
    if (status != BT_OK) return status;
    status = bt_whole_file_open(&file, "a plot", error);
    if (status == BT_OK && is_data) bt_sweep_panel_data(file.out, record, model);
    if (status == BT_OK && !is_data) put_script(file.out, record, model, plot);
    return bt_whole_file_close(&file, status, path, error);
}

bt_status bt_sweep_plots_write(const bt_record *record, const char *folder, bt_error *error) {
    bt_status status = bt_folder_make(folder, error);
    for (int i = 0; status == BT_OK && i < record->model_count; i++)
        for (int plot = 0; status == BT_OK && plot <= BT_SWEEP_PLOT_COUNT; plot++)
            if (plot == BT_SWEEP_PLOT_COUNT ||
                bt_sweep_plot_is_drawn(&record->models[i], (bt_sweep_plot)plot))
                status = write_one(record, &record->models[i], folder, (bt_sweep_plot)plot, error);
    return status;
}

bt_status bt_sweep_plots_render(const bt_record *record, const char *folder, int64_t timeout_ns,
                                char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    bt_status status = BT_OK;
    said[0] = '\0';
    for (int i = 0; status == BT_OK && i < record->model_count; i++) {
        const bt_model_record *model = &record->models[i];
        bt_plot_scripts scripts = {0};
        for (int plot = 0; status == BT_OK && plot < BT_SWEEP_PLOT_COUNT; plot++)
            if (bt_sweep_plot_is_drawn(model, (bt_sweep_plot)plot))
                status = bt_sweep_plot_path(scripts.names[scripts.count++], ".", model->model,
                                            (bt_sweep_plot)plot, "gnuplot", error);
        if (status == BT_OK) status = bt_plot_scripts_run(&scripts, folder, timeout_ns, said, error);
    }
    return status;
}
