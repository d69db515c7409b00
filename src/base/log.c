#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "base/text.h"

struct bt_log {
    pthread_mutex_t mutex; /* over all that follows */
    FILE *terminal, *file;
    bt_log_level terminal_level;
    bool redraws; /* the terminal is one where a line can be drawn over */
    bt_progress progress;
};

bt_status bt_log_open(bt_log **out, FILE *terminal, bt_log_level terminal_level, const char *path,
                      bt_error *error) {
    *out = NULL;
    bt_log *log = calloc(1, sizeof *log);
    if (!log) return bt_no_memory(error, "the log");
    if (path && !(log->file = fopen(path, "ae"))) {
        int cause = errno;
        free(log);
        if (cause == ENOMEM) return bt_no_memory(error, "%s", path);
        return bt_fail(error, bt_file_write_status(cause), "%s: the log cannot be written: %s", path,
                       bt_text_system_error(cause));
    }
    pthread_mutex_init(&log->mutex, NULL);
    log->terminal = terminal;
    log->terminal_level = terminal_level;
    log->redraws = terminal && bt_progress_can_redraw(fileno(terminal));
    *out = log;
    return BT_OK;
}

/* What was last drawn stays: of a run that was cut off it tells how far it came. */
void bt_log_close(bt_log **log) {
    if (!*log) return;
    if ((*log)->redraws && (*log)->progress.drawn) {
        fputc('\n', (*log)->terminal);
        fflush((*log)->terminal);
    }
    if ((*log)->file) fclose((*log)->file);
    pthread_mutex_destroy(&(*log)->mutex);
    free(*log);
    *log = NULL;
}

static void put_line(char out[BT_LOG_LINE_SIZE], const char *format, va_list arguments) {
    int length = bt_text_format_list(out, BT_LOG_LINE_SIZE, format, arguments);
    if (length >= BT_LOG_LINE_SIZE) memcpy(out + bt_text_fit(out, BT_LOG_LINE_SIZE - 4), "...", 4);
    size_t end = strlen(out);
    while (end > 0 && out[end - 1] == '\n')
        out[--end] = '\0';
    for (; *out; out++)
        if (bt_text_is_control(*out)) *out = ' ';
}

/* The line as the terminal shows it: within its width, where it is one that has a width. */
static void lay_out(const bt_log *log, const char *prefix, const char *line, char *out, size_t size) {
    const int columns = log->redraws ? bt_terminal_columns(log->terminal) : 0;
    char whole[BT_LOG_LINE_SIZE + 16];
    snprintf(whole, sizeof whole, "%s%s", prefix, line);
    const bool fits = columns == 0 || (int)bt_text_columns(whole, strlen(whole)) <= columns;
    FILE *wrapped = fits ? NULL : fmemopen(out, size, "w");
    if (wrapped) bt_terminal_wrap(wrapped, whole, 0, 0, columns);
    if (!wrapped || fclose(wrapped) != 0) snprintf(out, size, "%s\n", whole);
}

/* One write for clearing, line and redrawing, so that no other writer's text comes between. */
static void write_terminal(bt_log *log, bt_log_level level, const char *line) {
    static const char *const prefixes[] = {"", "", "warning: ", "error: "};
    char shown[BT_LOG_LINE_SIZE + 128], all[sizeof shown + BT_PROGRESS_SIZE + 32]; /* 128: for more lines */
    bool drawn = log->redraws && log->progress.drawn;
    lay_out(log, prefixes[level], line, shown, sizeof shown);
    int length = snprintf(all, sizeof all, "%s%s%s", drawn ? BT_PROGRESS_CLEAR : "", shown,
                          drawn ? log->progress.line : "");
    fwrite(all, 1, (size_t)length, log->terminal);
    fflush(log->terminal);
}

static void write_file(bt_log *log, bt_log_level level, const char *line) {
    static const char *const names[] = {"detail", "info", "warning", "error"};
    char all[BT_LOG_LINE_SIZE + 64], utc[32];
    bt_clock_utc(utc);
    int length = snprintf(all, sizeof all, "%s %-7s %s\n", utc, names[level], line);
    fwrite(all, 1, (size_t)length, log->file);
    fflush(log->file);
}

void bt_log_write(bt_log *log, bt_log_level level, const char *format, ...) {
    if (!log) return;
    char line[BT_LOG_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    put_line(line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&log->mutex);
    if (log->terminal && level >= log->terminal_level) write_terminal(log, level, line);
    if (log->file) write_file(log, level, line);
    pthread_mutex_unlock(&log->mutex);
}

void bt_log_progress(bt_log *log, int64_t now_ns, double fraction, const char *format, ...) {
    if (!log || !log->terminal || log->terminal_level > BT_LOG_INFO) return;
    char text[BT_LOG_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    put_line(text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&log->mutex);
    bt_progress_note(&log->progress, now_ns, fraction);
    if (log->redraws)
        bt_progress_draw(&log->progress, now_ns, text, log->terminal);
    else
        bt_progress_print(&log->progress, now_ns, text, log->terminal);
    pthread_mutex_unlock(&log->mutex);
}
