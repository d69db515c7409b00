/* Files that were cut off anywhere, or in which bits have flipped, are read or refused in one line: never a
 * crash, never memory beyond what is there. By seed; make SANITIZE=address looks closest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "expect.h"
#include "fault-documents.h"
#include "fixture-calibration.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "load/schedule.h"
#include "networks/checkpoint-open.h"
#include "networks/onnx-file.h"
#include "record/config.h"
#include "scratch.h"
#include "serving/metrics-read.h"
#include "tune/journal.h"
#include "tune/run.h"
#include "tune/step.h"

static char began_in[128];

#define FLIPS 1000 /* seeds */

/* A kind of file, and who reads it. */
typedef struct kind {
    const char *path;
    bt_status (*read)(const char *path, bt_error *error);
    char *whole; /* owned */
    size_t size;
} kind;

static bt_status read_config(const char *path, bt_error *error) {
    bt_config *config = NULL;
    bt_status status = bt_config_load(&config, path, error);
    bt_config_close(&config);
    return status;
}

static bt_status read_record(const char *path, bt_error *error) {
    bt_record *record = NULL;
    bt_status status = bt_record_load(&record, path, error);
    bt_record_close(&record);
    return status;
}

static bt_status read_load_record(const char *path, bt_error *error) {
    bt_load_record *record = NULL;
    bt_status status = bt_load_record_load(&record, path, error);
    bt_load_record_close(&record);
    return status;
}

static bt_status read_calibration(const char *path, bt_error *error) {
    bt_calibration *calibration = NULL;
    bt_status status = bt_calibration_load(&calibration, path, error);
    bt_calibration_close(&calibration);
    return status;
}

/* As a resumed run reads it: every line's step and result too. */
static bt_status read_journal(const char *path, bt_error *error) {
    json_t *lines, *line;
    size_t i;
    bt_status status = bt_journal_load(&lines, path, error);
    if (status != BT_OK) return status;
    json_array_foreach(lines, i, line) {
        bt_step step;
        bt_step_result result;
        bt_error ignored;
        if (bt_step_from_json(json_object_get(line, "step"), &step, path, &ignored) == BT_OK)
            (void)!bt_step_result_from_json(json_object_get(line, "result"), &result, path, &ignored);
    }
    json_decref(lines);
    return BT_OK;
}

static bt_status read_trace(const char *path, bt_error *error) {
    bt_schedule schedule;
    bt_status status =
        bt_schedule_open(&schedule, &(bt_schedule_options){.shape = BT_SHAPE_TRACE, .trace = path}, error);
    if (status == BT_OK) bt_schedule_close(&schedule);
    return status;
}

static bt_status read_checkpoint(const char *path, bt_error *error) {
    bt_checkpoint *checkpoint = NULL;
    bt_status status = bt_checkpoint_open(&checkpoint, path, error);
    for (int i = 0; status == BT_OK && i < checkpoint->tensor_count; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[i];
        float *values = tensor->count <= 1000 ? malloc((size_t)tensor->count * sizeof *values + 1) : NULL;
        if (values) status = bt_checkpoint_read(checkpoint, tensor, values, error);
        free(values);
    }
    bt_checkpoint_close(&checkpoint);
    return status;
}

static bt_status read_onnx(const char *path, bt_error *error) {
    bt_onnx_facts facts;
    return bt_onnx_file_read(&facts, path, error);
}

static bt_status read_metrics(const char *path, bt_error *error) {
    bt_metrics *metrics = NULL;
    char *text;
    size_t size;
    int count;
    bt_status status = bt_file_read(path, 1 << 16, &text, &size, error);
    if (status != BT_OK) return status;
    status = bt_metrics_from_prometheus(&metrics, &count, text, path, error);
    free(metrics);
    free(text);
    return status;
}

static kind kinds[] = {
    {"config.json", read_config, NULL, 0},
    {"record.json", read_record, NULL, 0},
    {"load.json", read_load_record, NULL, 0},
    {"calibration.json", read_calibration, NULL, 0},
    {"journal.jsonl", read_journal, NULL, 0},
    {"trace.txt", read_trace, NULL, 0},
    {"a.safetensors", read_checkpoint, NULL, 0},
    {"page.txt", read_metrics, NULL, 0},
    {"a.onnx", read_onnx, NULL, 0},
};
#define JOURNAL 4
#define KINDS   (sizeof kinds / sizeof *kinds)

static long in_all;

/* Reads what is at broken.x, and checks that it was read, or refused as it should be. */
static bt_status try(const kind *k, const void *bytes, size_t size, const char *what,
                     unsigned long long number) {
    char path[64];
    bt_error error = {BT_OK, ""};
    in_all++;
    snprintf(path, sizeof path, "broken-%s", k->path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    bt_status status = k->read(path, &error);
    if (status == BT_OK) return status;
    if (status != BT_PARSE && status != BT_UNSUPPORTED && status != BT_INVALID && status != BT_IO)
        fail_msg("%s, %s %llu: %s", k->path, what, number, bt_status_name(status));
    if (!strstr(error.message, path) || strchr(error.message, '\n'))
        fail_msg("%s, %s %llu: \"%s\" is not one line that names the file", k->path, what, number,
                 error.message);
    return status;
}

/* Every length of small files, and many of large ones. */
static void files_cut_off_anywhere(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        size_t step = 1 + k->size / 500;
        for (size_t size = 0; size < k->size; size += step)
            try(k, k->whole, size, "cut to bytes", size);
    }
}

static void bits_that_flipped(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        char *broken = malloc(k->size);
        assert_non_null(broken);
        for (unsigned long long seed = 1; seed <= FLIPS; seed++) {
            bt_random random = bt_random_stream(seed, k->path);
            memcpy(broken, k->whole, k->size);
            for (int flips = 1 + (int)bt_random_below(&random, 4); flips > 0; flips--)
                broken[bt_random_below(&random, k->size)] ^= (char)(1 << bt_random_below(&random, 8));
            try(k, broken, k->size, "flipped by seed", seed);
        }
        free(broken);
    }
}

/* What may stand in a value's place, and hardly ever belongs there; NULL: nothing, the key is gone. */
static json_t *stranger(int which) {
    switch (which) {
    case 0:
        return NULL;
    case 1:
        return json_null();
    case 2:
        return json_true();
    case 3:
        return json_integer(-1);
    case 4:
        return json_real(1e300);
    case 5:
        return json_string(
            "of another kind, and longer than any name, unit, date or hash has room for, by far");
    case 6:
        return json_array();
    }
    return json_object();
}
#define STRANGERS 8

static int tried, refused;

/* Tries the document as it stands now. */
static void try_document(const kind *k, const json_t *top) {
    char *text = json_dumps(top, JSON_COMPACT);
    assert_non_null(text);
    tried++;
    refused += try(k, text, strlen(text), "with a stranger, number", (unsigned long long)tried) != BT_OK;
    free(text);
}

/* Puts every stranger in the place of every value below `at`; of an array, of its first two. */
static void put_strangers(const kind *k, json_t *top, json_t *at) {
    const char *key;
    json_t *value, *kept,
        *keys = json_array(); /* first, since what is taken out comes back in another place */
    json_object_foreach(at, key, value) json_array_append_new(keys, json_string(key));
    for (size_t i = 0; i < json_array_size(keys); i++) {
        key = json_string_value(json_array_get(keys, i));
        kept = json_incref(json_object_get(at, key));
        put_strangers(k, top, kept);
        for (int which = 0; which < STRANGERS; which++) {
            json_t *put = stranger(which);
            if (put ? json_object_set_new(at, key, put) : json_object_del(at, key)) fail_msg("no memory");
            try_document(k, top);
            if (json_object_set(at, key, kept)) fail_msg("no memory");
        }
        json_decref(kept);
    }
    json_decref(keys);
    for (size_t i = 0; i < json_array_size(at) && i < 2; i++) {
        put_strangers(k, top, json_array_get(at, i));
        kept = json_incref(json_array_get(at, i));
        for (int which = 1; which < STRANGERS; which++) {
            if (json_array_set_new(at, i, stranger(which))) fail_msg("no memory");
            try_document(k, top);
            if (json_array_set(at, i, kept)) fail_msg("no memory");
        }
        json_decref(kept);
    }
}

/* No value of a document may be taken for what it is not: every one is put in question, in the config, in a
 * record, in a load record and in a calibration, of a few numbers each. */
static void values_of_another_kind(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int least; /* values and strangers that must have been tried */
    } seeds[] = {{"config/tuned.json", 500},
                 {"record/sweep.json", 500},
                 {"load-record/single.json", 500},
                 {"calibration/three-tensors.json", 150}};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        bt_error error;
        json_t *top;
        char path[256];
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", began_in, seeds[i].path);
        if (bt_json_load(&top, path, &error)) fail_msg("%s", error.message);
        tried = refused = 0;
        put_strangers(&kinds[i], top, top);
        assert_true(tried > seeds[i].least && refused > tried / 2);
        json_decref(top);
    }
}

/* A journal that a crash cut off at any byte is whole up to its last line: it loads, it is resumed, and the
 * next line stands by itself. */
static void a_journal_cut_off_anywhere_goes_on(void **state) {
    (void)state;
    const kind *k = &kinds[JOURNAL];
    json_t *header = json_pack("{s:s}", "device", "cpu");
    for (size_t size = 0; size <= k->size; size++) {
        bt_run *run;
        bt_error error;
        char path[BT_PATH_SIZE];
        int whole = 0;
        for (size_t i = 0; i < size; i++)
            whole += k->whole[i] == '\n';
        if (bt_folder_make("results/2026-01-01T000000Z-try", &error) ||
            bt_file_replace("results/2026-01-01T000000Z-try/journal.jsonl", k->whole, size, false, &error))
            fail_msg("%s", error.message);
        if (bt_run_open(&run, "results", "try", header, true, &error))
            fail_msg("cut to %zu: %s", size, error.message);
        snprintf(path, sizeof path, "%s/journal.jsonl", bt_run_folder(run));
        /* Without a whole header there is nothing to resume, and another run begins. */
        assert_int_equal(bt_run_lines_left(run), whole > 0 ? whole - 1 : 0);
        assert_int_equal(bt_run_append(run, json_pack("{s:b}", "finished", 1), &error), BT_OK);
        bt_run_close(&run);
        json_t *lines;
        if (bt_journal_load(&lines, path, &error)) fail_msg("cut to %zu: %s", size, error.message);
        assert_int_equal(json_array_size(lines), whole > 0 ? whole + 1 : 2);
        json_decref(lines);
    }
    json_decref(header);
}

/* ---- set-up ------------------------------------------------------------------ */

static void write_journal(void) {
    bt_journal *journal;
    bt_error error;
    must(bt_journal_open(&journal, "journal.jsonl", &error), &error);
    must(bt_journal_append(journal, json_pack("{s:{s:s}}", "run", "device", "cpu"), &error), &error);
    for (int i = 1; i <= 3; i++) {
        bt_step step = {BT_STEP_MEASURE, i, 3};
        bt_step_result result = bt_step_result_empty();
        result.sample_count = 3;
        result.samples_ms[0] = result.samples_ms[1] = result.samples_ms[2] = 1.5 * i;
        must(bt_journal_append(journal,
                               json_pack("{s:s, s:o, s:o}", "model", "hrnet", "step", bt_step_to_json(&step),
                                         "result", bt_step_result_to_json(&result)),
                               &error),
             &error);
    }
    bt_journal_close(&journal);
}

static void write_files(void) {
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"b.c\":{\"dtype\":\"BF16\",\"shape\":[1,3],\"data_offsets\":[8,14]}}";
    static const char page[] =
        "# TYPE batchtune_queue_seconds summary\nbatchtune_ok{model=\"a\\\"b\"} 1e3\n"
        "batchtune_queue_seconds{model=\"a\",quantile=\"0.95\"} 0.08\n"
        "batchtune_queue_seconds_sum{model=\"a\"} 4\nbatchtune_batches_total{model=\"a\",size=\"4\"} 7\n";
    static const char trace[] = "# seconds\n100.5\n\n101\n101\n103.25\n1e3\n";
    char file[8 + sizeof header - 1 + 14] = {sizeof header - 1};
    bt_error error;
    json_t *json;
    bt_record *record = fixture_record();
    bt_load_record *load = fixture_load_record();
    bt_calibration *calibration = fixture_calibration();
    must(bt_record_save(record, "record.json", &error), &error);
    must(bt_load_record_save(load, "load.json", &error), &error);
    must(bt_calibration_save(calibration, "calibration.json", &error), &error);
    bt_calibration_close(&calibration);
    must(bt_config_from_record(&json, record, NULL, &error), &error);
    must(bt_config_save(json, "config.json", &error), &error);
    json_decref(json);
    bt_record_close(&record);
    bt_load_record_close(&load);
    memcpy(file + 8, header, sizeof header - 1);
    must(bt_file_replace("a.safetensors", file, sizeof file, false, &error), &error);
    fault_write_onnx();
    must(bt_file_replace("page.txt", page, sizeof page - 1, false, &error), &error);
    must(bt_file_replace("trace.txt", trace, sizeof trace - 1, false, &error), &error);
    write_journal();
}

static int set_up(void **state) {
    bt_error error;
    if (!getcwd(began_in, sizeof began_in) || bt_scratch_enter(state)) return -1;
    write_files();
    for (size_t i = 0; i < KINDS; i++) {
        must(bt_file_read(kinds[i].path, 1 << 24, &kinds[i].whole, &kinds[i].size, &error), &error);
        must(kinds[i].read(kinds[i].path, &error), &error);
    }
    return 0;
}

static int tear_down(void **state) {
    for (size_t i = 0; i < KINDS; i++)
        free(kinds[i].whole);
    print_message("# %ld broken files read or refused\n", in_all);
    return bt_scratch_leave(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_cut_off_anywhere),
        cmocka_unit_test(bits_that_flipped),
        cmocka_unit_test(values_of_another_kind),
        cmocka_unit_test(a_journal_cut_off_anywhere_goes_on),
    };
    return cmocka_run_group_tests_name("faults: broken files", tests, set_up, tear_down);
}
