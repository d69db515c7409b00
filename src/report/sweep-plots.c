#include "report/sweep-plots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/sweep-panels.h"

const char *bt_sweep_plot_name(bt_sweep_plot plot) {
    switch (plot) {
    case BT_SWEEP_PLOT_OVERVIEW:
        return "overview";
    case BT_SWEEP_PLOT_THROUGHPUT:
        return "throughput";
    case BT_SWEEP_PLOT_LATENCY:
        return "latency";
    case BT_SWEEP_PLOT_EFFICIENCY:
        return "efficiency";
    case BT_SWEEP_PLOT_MEMORY:
        return "memory";
    case BT_SWEEP_PLOT_PARETO:
        return "pareto";
    case BT_SWEEP_PLOT_COUNT:
        break;
    }
    return "unknown";
}

/* A model's name as part of a file's. */
static void file_stem(const char *model, char out[BT_NAME_SIZE]) {
    size_t length = 0;
    for (; model[length] && length < BT_NAME_SIZE - 1; length++) {
        char letter = model[length];
        bool plain = bt_text_is_alphanumeric(letter) || letter == '_' || letter == '-' ||
                     (letter == '.' && length > 0);
        out[length] = plain ? letter : '_';
    }
    if (length == 0) out[length++] = '_';
    out[length] = '\0';
}

bt_status bt_plot_file(char out[BT_PATH_SIZE], const char *folder, const char *model, const char *rest,
                       bt_error *error) {
    char stem[BT_NAME_SIZE];
    file_stem(model, stem);
    return bt_path_join(out, error, "%s%s%s%s", folder, folder[0] ? "/" : "", stem, rest);
}

bt_status bt_sweep_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model,
                             bt_sweep_plot plot, const char *extension, bt_error *error) {
    char rest[64];
    snprintf(rest, sizeof rest, "-%s.%s", bt_sweep_plot_name(plot), extension);
    return bt_plot_file(out, folder, model, rest, error);
}

/* The folder that a file lies in, without links. The caller frees it; NULL with errno. */
static char *real_folder_of(const char *file, char path[BT_PATH_SIZE]) {
    const char *slash = strrchr(file, '/');
    if (!slash)
        snprintf(path, BT_PATH_SIZE, ".");
    else
        snprintf(path, BT_PATH_SIZE, "%.*s", slash == file ? 1 : (int)(slash - file), file);
    return realpath(path, NULL);
}

/* Both are absolute. What they share ends at a slash or at either's end. */
static size_t shared_folders(const char *a, const char *b) {
    size_t shared = 0, at = 0;
    for (;; at++) {
        bool a_ends = !a[at] || a[at] == '/', b_ends = !b[at] || b[at] == '/';
        if (a_ends && b_ends) shared = at;
        if (!a[at] || a[at] != b[at]) return shared;
    }
}

bt_status bt_plots_seen_from(char out[BT_PATH_SIZE], const char *folder, const char *report,
                             bt_error *error) {
    char report_folder[BT_PATH_SIZE], ups[BT_PATH_SIZE] = "";
    bt_status status = BT_OK;
    char *to = realpath(folder, NULL), *from = real_folder_of(report, report_folder);
    if (!to || !from) {
        status = bt_fail(error, BT_IO, "%s: %s", to ? report_folder : folder, bt_text_system_error(errno));
        goto done;
    }
    size_t shared = shared_folders(from, to), used = 0;
    for (const char *at = from + shared; *at; at++)
        if (*at == '/' && at[1] && used + 3 < sizeof ups) used += (size_t)sprintf(ups + used, "../");
    const char *rest = to + shared;
    while (*rest == '/')
        rest++;
    if (used > 0 && !*rest) ups[used - 1] = '\0';
    status = bt_path_join(out, error, "%s%s", ups, used == 0 && !*rest ? "." : rest);
done:
    free(to);
    free(from);
    return status;
}

void bt_plot_prologue(FILE *out, const char *stem, const char *data, const char *size) {
    fprintf(out,
            "# gnuplot %s.gnuplot makes the SVG and the PNG anew, beside this script.\n"
            "folder = ''\n"
            "if (exists('ARG0')) {\n"
            "    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }\n"
            "}\n"
            "data = folder . '%s.dat'\n"
            "do for [format in 'svg png'] {\n"
            "if (format eq 'svg') {\n"
            "    set terminal svg size %s font 'sans-serif,12' background rgb 'white' noenhanced\n"
            "} else {\n"
            "    set terminal pngcairo size %s font ',10' background rgb 'white' noenhanced\n"
            "}\n"
            "set output folder . '%s.' . format\n",
            stem, data, size, size, stem);
}

bool bt_sweep_plot_is_drawn(const bt_model_record *model, bt_sweep_plot plot) {
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
    if (plot != BT_SWEEP_PLOT_OVERVIEW)
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
    bt_panel_string(out, model->title);
    fputs(" . \"\\n\" . ", out);
    bt_panel_string(out, subject);
    fputs(" font ',13'\n", out);
    for (int plot = BT_SWEEP_PLOT_THROUGHPUT; plot < BT_SWEEP_PLOT_COUNT; plot++)
        if (bt_sweep_panel_is_drawn(model, (bt_sweep_plot)plot))
            bt_sweep_panel_write(out, record, model, (bt_sweep_plot)plot, true);
    bt_sweep_panel_legend(out, record, model);
    fputs("unset multiplot\n", out);
}

static void put_script(FILE *out, const bt_record *record, const bt_model_record *model, bt_sweep_plot plot) {
    char stem[BT_NAME_SIZE], name[BT_NAME_SIZE + 32], size[32];
    page_size(model, plot, size);
    file_stem(model->model, stem);
    snprintf(name, sizeof name, "%s-%s", stem, bt_sweep_plot_name(plot));
    bt_plot_prologue(out, name, stem, size);
    if (plot == BT_SWEEP_PLOT_OVERVIEW)
        put_overview(out, record, model);
    else
        bt_sweep_panel_write(out, record, model, plot, false);
    fputs("unset output\n}\n", out);
}

/* Writes one file: a model's data for plot BT_SWEEP_PLOT_COUNT, else that plot's script. */
static bt_status write_one(const bt_record *record, const bt_model_record *model, const char *folder,
                           bt_sweep_plot plot, bt_error *error) {
    char path[BT_PATH_SIZE], *text = NULL;
    size_t size = 0;
    bool is_data = plot == BT_SWEEP_PLOT_COUNT;
    bt_status status = is_data ? bt_plot_file(path, folder, model->model, ".dat", error)
                               : bt_sweep_plot_path(path, folder, model->model, plot, "gnuplot", error);
    if (status != BT_OK) return status;
    FILE *out = open_memstream(&text, &size);
    if (!out) return bt_no_memory(error, "writing %s", path);
    if (is_data)
        bt_sweep_panel_data(out, record, model);
    else
        put_script(out, record, model, plot);
    if (fclose(out) != 0)
        status = bt_no_memory(error, "writing %s", path);
    else
        status = bt_file_replace(path, text, size, false, error);
    free(text);
    return status;
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

static bt_status render_model(const char *folder, const bt_model_record *model, int64_t timeout_ns,
                              char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    char names[BT_SWEEP_PLOT_COUNT][BT_PATH_SIZE];
    const char *scripts[BT_SWEEP_PLOT_COUNT];
    int count = 0;
    for (int plot = 0; plot < BT_SWEEP_PLOT_COUNT; plot++) {
        if (!bt_sweep_plot_is_drawn(model, (bt_sweep_plot)plot)) continue;
        /* "./" keeps a name that starts with a dash from being read as an option. */
        bt_status status =
            bt_sweep_plot_path(names[count], ".", model->model, (bt_sweep_plot)plot, "gnuplot", error);
        if (status != BT_OK) return status;
        scripts[count] = names[count];
        count++;
    }
    return bt_gnuplot_run(folder, scripts, count, timeout_ns, said, error);
}

bt_status bt_sweep_plots_render(const bt_record *record, const char *folder, int64_t timeout_ns,
                                char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    bt_status status = BT_OK;
    said[0] = '\0';
    for (int i = 0; status == BT_OK && i < record->model_count; i++) {
        char now[BT_GNUPLOT_SAID_SIZE];
        status = render_model(folder, &record->models[i], timeout_ns, now, error);
        if (now[0]) memcpy(said, now, sizeof now);
    }
    return status;
}
