/* Whatever the disk does, a file is the old one or the new one, nothing else lies about, and the error says
 * what is wrong: the n-th call on files of each module that writes fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "expect.h"
#include "fault-documents.h"
#include "networks/checkpoint-open.h"
#include "networks/onnx-file.h"
#include "tune/journal.h"

#define LOST     (FAULT_SURVIVED | FAULT_NOT_WRITTEN)
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- one file ---------------------------------------------------------------- */

#define OLD "what was there"
#define NEW "what is put in its place"

static bt_status replace(bt_error *error) {
    return bt_file_replace("file.txt", NEW, strlen(NEW), true, error);
}

static const struct {
    int cause;
    const char *says;
} causes[] = {{EIO, "Input/output error"},
              {ENOSPC, "No space left"},
              {EACCES, "Permission denied"},
              {EDQUOT, "Disk quota exceeded"},
              {EROFS, "Read-only file system"}};

/* Not for closing: there the file is new already, or was only looked at. */
#define REPLACING (FAULT_OPEN | FAULT_READ | FAULT_WRITE | FAULT_FLUSH | FAULT_RENAME)

/* Every call of replacing one file, with every errno, by hand: what is on disk afterwards is looked at each
 * time. */
static void a_file_is_the_old_one_or_the_new_one(void **state) {
    (void)state;
    for (size_t c = 0; c < COUNT(causes); c++) {
        bool struck = true;
        for (int at = 1; struck; at++) {
            bt_error error = {BT_OK, ""};
            put("file.txt", OLD);
            put("file.txt.bak", "older");
            int before = files_here();
            faults_plant(&(fault){.calls = REPLACING, .at = at, .cause = causes[c].cause});
            bt_status status = bt_file_replace("file.txt", NEW, strlen(NEW), true, &error);
            faults_end(&struck);
            char *bytes;
            size_t size;
            assert_int_equal(bt_file_read("file.txt", 100, &bytes, &size, NULL), BT_OK);
            bool is_new = strcmp(bytes, NEW) == 0;
            if (!is_new) assert_string_equal(bytes, OLD);
            if (status == BT_OK) assert_true(is_new);
            if (status != BT_OK) assert_non_null(strstr(error.message, "file.txt"));
            if (status != BT_OK && !strstr(error.message, causes[c].says))
                fail_msg("call %d: \"%s\" does not say \"%s\"", at, error.message, causes[c].says);
            assert_int_equal(files_here(), before);
            free(bytes);
        }
    }
}

/* Reads and writes that do a byte at a time, or are interrupted, end in the very same. */
static void short_and_interrupted_calls_go_on(void **state) {
    (void)state;
    static const fault faults[] = {
        {FAULT_READ | FAULT_WRITE, 1, true, FAULT_SHORT},
        {FAULT_READ | FAULT_WRITE, 1, false, EINTR},
        {FAULT_READ | FAULT_WRITE, 3, false, EINTR},
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        bt_error error;
        bool struck;
        put("file.txt", OLD);
        faults_plant(&faults[i]);
        bt_status status = bt_file_replace("file.txt", NEW, strlen(NEW), true, &error);
        faults_end(&struck);
        if (status != BT_OK) fail_msg("%s", error.message);
        assert_true(struck);
        assert_holds("file.txt", NEW);
        assert_holds("file.txt.bak", OLD);
    }
}

/* ---- a journal --------------------------------------------------------------- */

static int lines_of(const char *path) {
    json_t *lines;
    bt_error error;
    if (bt_journal_load(&lines, path, &error)) fail_msg("%s", error.message);
    int count = (int)json_array_size(lines);
    json_decref(lines);
    return count;
}

/* After any failure the journal holds whole lines only, and takes the next one. */
static void a_journal_survives_a_bad_disk(void **state) {
    (void)state;
    static const fault faults[] = {
        {FAULT_WRITE, 1, false, ENOSPC}, {FAULT_WRITE, 2, true, EIO},         {FAULT_FLUSH, 1, false, EIO},
        {FAULT_WRITE, 1, false, EINTR},  {FAULT_WRITE, 1, true, FAULT_SHORT},
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        bt_journal *journal;
        bt_error error = {BT_OK, ""};
        put("j.jsonl", "");
        assert_int_equal(bt_journal_open(&journal, "j.jsonl", &error), BT_OK);
        assert_int_equal(bt_journal_append(journal, json_pack("{s:i}", "n", 1), &error), BT_OK);
        faults_plant(&faults[i]);
        bt_status status = bt_journal_append(journal, json_pack("{s:i}", "n", 2), &error);
        if (status == BT_OK) status = bt_journal_append(journal, json_pack("{s:i}", "n", 3), &error);
        faults_end(NULL);
        int whole = lines_of("j.jsonl");
        if (faults[i].cause == EINTR || faults[i].cause == FAULT_SHORT)
            assert_true(status == BT_OK && whole == 3);
        if (status != BT_OK) assert_true(status == BT_NOT_WRITTEN && strstr(error.message, "j.jsonl"));
        assert_int_equal(bt_journal_append(journal, json_pack("{s:i}", "n", 4), &error), BT_OK);
        assert_int_equal(lines_of("j.jsonl"), whole + 1);
        bt_journal_close(&journal);
    }
}

/* Half a line was written, and the disk does not let it be cut off either: the error says so, and whoever
 * opens the journal next does. */
static void half_a_line_that_cannot_be_cut_off_is_told(void **state) {
    (void)state;
    bt_journal *journal;
    bt_error error = {BT_OK, ""};
    put("j.jsonl", "");
    assert_int_equal(bt_journal_open(&journal, "j.jsonl", &error), BT_OK);
    faults_plant(&(fault){FAULT_FLUSH | FAULT_CUT, 1, true, EIO});
    assert_int_equal(bt_journal_append(journal, json_pack("{s:i}", "n", 1), &error), BT_NOT_WRITTEN);
    faults_end(NULL);
    assert_non_null(strstr(error.message, "half a line is left in it"));
    bt_journal_close(&journal);
}

/* ---- everything that writes or reads --------------------------------------------- */

static bt_status lock_and_log(bt_error *error) {
    bt_lock *lock = NULL;
    bt_log *log = NULL;
    bt_status status = bt_lock_open(&lock, "lock", error);
    if (status == BT_OK) status = bt_log_open(&log, NULL, BT_LOG_INFO, "log.txt", error);
    bt_log_write(log, BT_LOG_INFO, "a line");
    bt_log_close(&log);
    bt_lock_close(&lock);
    return status;
}

static bt_status save_and_load(bt_error *error) {
    bt_record *copy = NULL;
    bt_load_record *load_copy = NULL;
    bt_status status = bt_record_save(made.record, "record.json", error);
    if (status == BT_OK) status = bt_record_load(&copy, "record.json", error);
    if (status == BT_OK) status = bt_load_record_save(made.load, "load.json", error);
    if (status == BT_OK) status = bt_load_record_load(&load_copy, "load.json", error);
    bt_record_close(&copy);
    bt_load_record_close(&load_copy);
    return status;
}

static bt_status save_config(bt_error *error) {
    json_t *json = NULL;
    bt_config *config = NULL;
    bt_status status = bt_config_from_record(&json, made.record, NULL, error);
    if (status == BT_OK) status = bt_config_save(json, "config.json", error);
    if (status == BT_OK) status = bt_config_load(&config, "config.json", error);
    json_decref(json);
    bt_config_close(&config);
    return status;
}

static bt_status save_and_load_calibration(bt_error *error) {
    bt_calibration *copy = NULL;
    bt_status status = bt_calibration_save(made.calibration, "calibration.json", error);
    if (status == BT_OK) status = bt_calibration_load(&copy, "calibration.json", error);
    bt_calibration_close(&copy);
    return status;
}

static bt_status read_weights(bt_error *error) {
    bt_checkpoint *checkpoint = NULL;
    float values[2];
    bt_status status = bt_checkpoint_open(&checkpoint, "a.safetensors", error);
    if (status == BT_OK) status = bt_checkpoint_read(checkpoint, &checkpoint->tensors[0], values, error);
    bt_checkpoint_close(&checkpoint);
    return status;
}

static bt_status read_onnx(bt_error *error) {
    bt_onnx_facts facts;
    return bt_onnx_file_read(&facts, "a.onnx", error);
}

static bt_status check_writable(bt_error *error) {
    return bt_file_check_writable("deep/folder/file.txt", error);
}

static void every_call_on_files_may_fail(void **state) {
    (void)state;
    static const fault_case cases[] = {
        {"replace a file", .run = replace, .allowed = LOST},
        {"lock and log", .run = lock_and_log, .allowed = LOST},
        {"save and load records", .run = save_and_load, .allowed = LOST},
        {"save a config", .run = save_config, .allowed = LOST},
        {"save and load a calibration", .run = save_and_load_calibration, .allowed = LOST},
        {"read a trace", .run = fault_read_trace, .allowed = FAULT_SURVIVED},
        {"read weights", .run = read_weights, .allowed = FAULT_SURVIVED},
        {"read an ONNX file", .run = read_onnx, .allowed = FAULT_SURVIVED},
        {"begin a run", .run = fault_begin_run, .allowed = LOST},
        {"resume a run", .run = fault_resume_run, .allowed = LOST},
        {"publish", .run = fault_publish_files, .allowed = LOST | FAULT_NO_MEMORY},
        {"a page over all runs", .run = fault_index_runs, .allowed = LOST | FAULT_NO_MEMORY},
        {"check for writing", .run = check_writable, .allowed = LOST},
    };
    faults_all(cases, COUNT(cases), &(fault){.calls = FAULT_FILES, .cause = EIO}, BT_IO);
}

/* A disk that takes nothing any more: whoever writes must say so. */
static void a_full_disk_is_never_success(void **state) {
    (void)state;
    static const fault_case cases[] = {
        {"replace a file", .run = replace},        {"save and load records", .run = save_and_load},
        {"save a config", .run = save_config},     {"begin a run", .run = fault_begin_run},
        {"resume a run", .run = fault_resume_run}, {"publish", .run = fault_publish_files},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        faults_each(&cases[i], &(fault){.calls = FAULT_WRITE, .cause = ENOSPC, .lasting = true},
                    BT_NOT_WRITTEN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_the_old_one_or_the_new_one),
        cmocka_unit_test(short_and_interrupted_calls_go_on),
        cmocka_unit_test(a_journal_survives_a_bad_disk),
        cmocka_unit_test(half_a_line_that_cannot_be_cut_off_is_told),
        cmocka_unit_test(every_call_on_files_may_fail),
        cmocka_unit_test(a_full_disk_is_never_success),
    };
    return cmocka_run_group_tests_name("faults: files", tests, fault_documents_make, fault_documents_remove);
}
