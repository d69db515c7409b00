#include "gate/count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "gate/child.h"
#include "gate/work.h"

#define TIMEOUT_NS (120 * BT_NS_PER_S)
#define FILE_MAX   (64 << 20)

/* callgrind's file tells the sum in a line "summary: N" or "totals: N". */
static bt_status read_count(const char *path, double *count, bt_error *error) {
    char *text;
    size_t size;
    bt_status status = bt_file_read(path, FILE_MAX, &text, &size, error);
    if (status != BT_OK) return status;
    const char *line = strstr(text, "\nsummary: ");
    if (!line) line = strstr(text, "\ntotals: ");
    *count = line ? bt_text_read_number(strchr(line, ':') + 1, NULL) : 0;
    free(text);
    return *count > 0 ? BT_OK
                      : bt_fail(error, BT_PARSE, "callgrind counted nothing; --no-instructions goes without");
}

static bt_status count_one(const bt_work *work, const char *program, const char *file,
                           const volatile sig_atomic_t *stop, double *count, bt_error *error) {
    char out_file[BT_PATH_SIZE];
    char *output;
    bt_status status = bt_path_join(out_file, error, "--callgrind-out-file=%s", file);
    if (status != BT_OK) return status;
    const char *const argv[] = {"valgrind",
                                "--tool=callgrind",
                                "--toggle-collect=counted_run",
                                out_file,
                                program,
                                "--count",
                                work->name,
                                NULL};
    status = bt_child_run(argv, TIMEOUT_NS, stop, &output, error);
    free(status == BT_OK ? output : NULL);
    if (status == BT_UNSUPPORTED)
        return bt_fail(error, status,
                       "instructions not counted: valgrind is missing (apt-get install valgrind)");
    return status == BT_OK ? read_count(file, count, error) : status;
}

static bt_status add_count(bt_gate_record *record, const bt_work *work, double count, bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE];
    double each = count / work->operations;
    snprintf(metric, sizeof metric, "instructions/%s", work->name);
    bt_gate_series *series = bt_gate_series_add(record, metric, BT_UNIT_INSTRUCTIONS, work->work, 0.5);
    if (!series) return bt_no_memory(error, "metric %s", metric);
    return bt_gate_samples_add(series, &each, 1, true, error);
}

bt_status bt_count_instructions(bt_gate_record *record, const char *program,
                                const volatile sig_atomic_t *stop, bt_error *error) {
    const char *folder = getenv("TMPDIR");
    char file[BT_PATH_SIZE];
    bt_status status =
        bt_path_join(file, error, "%s/batchtune-callgrind-XXXXXX", folder && *folder ? folder : P_tmpdir);
    int descriptor = status == BT_OK ? mkstemp(file) : -1;
    if (status == BT_OK && descriptor < 0)
        status = bt_fail(error, BT_IO, "%s: no temporary file can be made", file);
    if (descriptor >= 0) close(descriptor);
    for (int i = 0; i < bt_works_count && status == BT_OK; i++) {
        double count = 0;
        if (!bt_works[i].counted) continue;
        status = count_one(&bt_works[i], program, file, stop, &count, error);
        if (status == BT_OK) status = add_count(record, &bt_works[i], count, error);
        if (status == BT_BACKEND && strstr(error->message, "no job called")) status = BT_OK;
    }
    if (descriptor >= 0) unlink(file);
    return status;
}
