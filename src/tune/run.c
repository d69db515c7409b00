#include "tune/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/files.h"
#include "base/json.h"
#include "tune/journal.h"

struct bt_run {
    char id[BT_RUN_ID_SIZE];
    char folder[BT_PATH_SIZE];
    bt_lock *lock;
    bt_journal *journal;
    json_t *lines; /* of the earlier try, header included; NULL for a new run */
    size_t next;
};

static bool is_finished(const json_t *lines) {
    const json_t *last = json_array_get(lines, json_array_size(lines) - 1);
    return json_is_true(json_object_get(last, "finished"));
}

/* Run ids start with the time, and those of one second end in a number, so the newest is the last by name. */
static int compare_names(const void *a, const void *b) {
    return strverscmp(*(const char *const *)b, *(const char *const *)a);
}

/* <time>-<kind> or <time>-<kind>-<number>, as name_new_run makes them. */
static bool is_of_kind(const char *name, const char *kind) {
    size_t time_length = strcspn(name, "Z"), length = strlen(kind);
    if (name[time_length] != 'Z' || name[time_length + 1] != '-') return false;
    const char *named = name + time_length + 2;
    if (strncmp(named, kind, length) != 0) return false;
    const char *rest = named + length;
    return *rest == '\0' || (*rest == '-' && rest[1] && rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

/* The names of the runs of `kind` under `results`, newest first; *out and its strings are the caller's. */
static bt_status list_runs(const char *results, const char *kind, char ***out, size_t *count,
                           bt_error *error) {
    *out = NULL;
    *count = 0;
    DIR *folder = opendir(results);
    if (!folder) return BT_OK;
    bt_status status = BT_OK;
    for (struct dirent *entry; status == BT_OK && (entry = readdir(folder));) {
        if (!is_of_kind(entry->d_name, kind)) continue;
        char **grown = bt_array_grow(*out, *count, 1, NULL, sizeof *grown);
        if (grown) *out = grown;
        if (!grown || !(grown[*count] = strdup(entry->d_name)))
            status = bt_no_memory(error, "the list of runs");
        else
            (*count)++;
    }
    closedir(folder);
    if (*count) qsort(*out, *count, sizeof **out, compare_names);
    return status;
}

/* Loads the newest cut-off run's journal into run->lines; leaves it NULL where there is none. */
static bt_status find_cut_off(bt_run *run, const char *results, const char *kind, bt_error *error) {
    char **names, path[BT_PATH_SIZE];
    size_t count;
    bt_status status = list_runs(results, kind, &names, &count, error);
    for (size_t i = 0; i < count && status == BT_OK && !run->lines; i++) {
        json_t *lines;
        status = bt_path_join(path, error, "%s/%s/journal.jsonl", results, names[i]);
        if (status != BT_OK || !bt_file_exists(path)) continue;
        status = bt_journal_load(&lines, path, error);
        if (status != BT_OK) break;
        if (json_array_size(lines) == 0 || is_finished(lines)) {
            json_decref(lines);
            continue;
        }
        run->lines = lines;
        snprintf(run->id, sizeof run->id, "%s", names[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}

static bt_status refuse_header(const bt_run *run, const char *key, const json_t *recorded,
                               const json_t *value, bt_error *error) {
    char *before = recorded ? bt_json_dump(recorded, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *now = value ? bt_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    bt_status status =
        bt_fail(error, BT_INVALID,
                "--resume: the cut-off run %s had %s %s, now it is %s: give the same, or leave --resume out",
                run->id, key, before ? before : "unset", now ? now : "unset");
    free(before);
    free(now);
    return status;
}

/* The header must be what this command would write, or the journal's answers belong to other questions. */
static bt_status check_header(const bt_run *run, const json_t *header, bt_error *error) {
    json_t *recorded = json_object_get(json_array_get(run->lines, 0), "run");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)header, key, value) {
        const json_t *other = json_object_get(recorded, key);
        if (!json_equal(value, other)) return refuse_header(run, key, other, value, error);
    }
    json_object_foreach(recorded, key, value) {
        if (!json_object_get(header, key)) return refuse_header(run, key, value, NULL, error);
    }
    return BT_OK;
}

static bt_status open_files(bt_run *run, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_path_join(path, error, "%s/lock", run->folder);
    if (status == BT_OK) status = bt_lock_open(&run->lock, path, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/journal.jsonl", run->folder);
    if (status == BT_OK) status = bt_journal_open(&run->journal, path, error);
    return status;
}

/* Under the lock, the lines are read once more: until just now another process may have been adding some. */
static bt_status resume_run(bt_run *run, const char *results, const json_t *header, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_path_join(run->folder, error, "%s/%s", results, run->id);
    if (status == BT_OK) status = open_files(run, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/journal.jsonl", run->folder);
    if (status != BT_OK) return status;
    json_decref(run->lines);
    status = bt_journal_load(&run->lines, path, error);
    if (status == BT_OK && is_finished(run->lines))
        status = bt_fail(error, BT_CLOSED, "%s: another process has just finished it", run->folder);
    run->next = 1;
    return status == BT_OK ? check_header(run, header, error) : status;
}

static bt_status start_run(bt_run *run, const char *results, const char *kind, const json_t *header,
                           bt_error *error) {
    bt_status status = bt_folder_make_run(run->id, run->folder, results, kind, error);
    if (status == BT_OK) status = open_files(run, error);
    if (status == BT_OK) status = bt_run_append(run, json_pack("{s:O}", "run", header), error);
    return status;
}

bt_status bt_run_open(bt_run **out, const char *results, const char *kind, const json_t *header, bool resume,
                      bt_error *error) {
    *out = NULL;
    bt_run *run = calloc(1, sizeof *run);
    if (!run) return bt_no_memory(error, "a run");
    bt_status status = bt_folder_make(results, error);
    if (status == BT_OK && resume) status = find_cut_off(run, results, kind, error);
    if (status == BT_OK)
        status = run->lines ? resume_run(run, results, header, error)
                            : start_run(run, results, kind, header, error);
    if (status != BT_OK)
        bt_run_close(&run);
    else
        *out = run;
    return status;
}

void bt_run_close(bt_run **run) {
    if (!*run) return;
    bt_journal_close(&(*run)->journal);
    bt_lock_close(&(*run)->lock);
    json_decref((*run)->lines);
    free(*run);
    *run = NULL;
}

const char *bt_run_id(const bt_run *run) {
    return run->id;
}

const char *bt_run_folder(const bt_run *run) {
    return run->folder;
}

int bt_run_lines_left(const bt_run *run) {
    return run->lines ? (int)(json_array_size(run->lines) - run->next) : 0;
}

const json_t *bt_run_replay(bt_run *run) {
    return bt_run_lines_left(run) > 0 ? json_array_get(run->lines, run->next++) : NULL;
}

bt_status bt_run_append(bt_run *run, json_t *line, bt_error *error) {
    return bt_journal_append(run->journal, line, error);
}

bt_status bt_run_finish(bt_run *run, bt_error *error) {
    return bt_run_append(run, json_pack("{s:b}", "finished", 1), error);
}
