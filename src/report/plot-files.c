#include "report/plot-files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"

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
    out[0] = '\0';
    if (!folder) return BT_OK;
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

bt_status bt_plot_scripts_run(const bt_plot_scripts *scripts, const char *folder, int64_t timeout_ns,
                              char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    const char *names[BT_PLOT_SCRIPTS_MAX];
    char now[BT_GNUPLOT_SAID_SIZE];
    if (scripts->count == 0) return BT_OK;
    for (int i = 0; i < scripts->count; i++)
        names[i] = scripts->names[i];
    bt_status status = bt_gnuplot_run(folder, names, scripts->count, timeout_ns, now, error);
    if (now[0]) memcpy(said, now, sizeof now);
    return status;
}

bt_status bt_plot_drawing_end(const bt_plot_drawing *drawing, bt_log *log, bt_error *error) {
    if (drawing->status == BT_NO_MEMORY) return bt_fail(error, BT_NO_MEMORY, "%s", drawing->error.message);
    if (drawing->status != BT_OK)
        bt_log_write(log, BT_LOG_WARNING, "%s", drawing->error.message);
    else if (drawing->said[0])
        bt_log_write(log, BT_LOG_WARNING, "gnuplot says: %s", drawing->said);
    return BT_OK;
}
