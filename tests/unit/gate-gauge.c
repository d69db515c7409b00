/* The gate's ruler: every metric is there, jobs do what they say, and the program speaks as both sides
 * expect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "expect.h"
#include "gate/gauge.h"
#include "gate/work.h"
#include "kernels/cpu.h"

#define SETTINGS                                                                                             \
    "{\"backend\": \"sim:tau0_ms=0.1,alpha_ms=0.1,noise=0\", \"models\": [\"hrnet\"], \"batches\": [1, 3], " \
    "\"image_size\": 32, \"samples\": 2}"

/* One thread: ThreadSanitizer cannot see OpenMP's barriers. */
#define PLAN "models=cbam_resunet,image_size=32,backend=plan,batches=1,core=false,threads=1"

static void every_job_runs_again_and_again(void **state) {
    (void)state;
    for (int i = 0; i < bt_works_count; i++) {
        void *job;
        int64_t spent_ns = -1;
        bt_error error = {BT_OK, ""};
        assert_ptr_equal(bt_work_find(bt_works[i].name), &bt_works[i]);
        must(bt_works[i].open(&job, &error), &error);
        for (int run = 0; run < 3; run++)
            must(bt_works[i].run(job, &spent_ns, &error), &error);
        assert_true(bt_works[i].counted == (spent_ns < 0)); /* who reads a clock cannot be counted */
        bt_works[i].close(job);
    }
    assert_null(bt_work_find("idling"));
}

/* What the program prints for these words and this input; its exit code in *code. The caller frees it. */
static char *say(int *code, const char *second, const char *third, const char *input) {
    char *argv[] = {"gate-probe", (char *)second, (char *)third, NULL};
    char *text = NULL, *message = NULL;
    size_t size, message_size;
    FILE *out = open_memstream(&text, &size), *err = open_memstream(&message, &message_size);
    FILE *in = fmemopen((char *)input, strlen(input) + 1, "r");
    *code = bt_gauge_main(third ? 3 : second ? 2 : 1, argv, NULL, in, out, err);
    fclose(out);
    fclose(err);
    fclose(in);
    if (*code != 0) assert_true(message_size > 0);
    free(message);
    return text;
}

static void a_turn_is_a_record_of_every_metric(void **state) {
    (void)state;
    int code;
    bt_error error;
    bt_gate_record *record;
    char *text = say(&code, SETTINGS, NULL, "");
    assert_int_equal(code, 0);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    must(bt_gate_record_from_json(&record, json, "turn", &error), &error);
    assert_int_equal(record->series_count, bt_works_count + 2);
    for (int i = 0; i < record->series_count; i++) {
        assert_int_equal(record->series[i].sample_count, 2);
        assert_true(record->series[i].samples[0] > 0);
    }
    assert_string_equal(bt_gate_series_find(record, "hrnet/batch-3")->work, "32 px");
    assert_true(bt_gate_series_find(record, "hrnet/batch-3")->samples[0] >= 0.4); /* the simulated time */
    assert_non_null(strstr(record->settings, "hrnet: sim"));
    bt_gate_record_close(&record);
    json_decref(json);
    free(text);
}

/* Of the plan, in that precision. */
static bt_status open_gauge(bt_gauge **out, const char *pairs, bt_error *error) {
    bt_gauge_settings settings;
    bt_option_sources sources;
    bt_options_default(bt_gauge_settings_table, bt_gauge_settings_count, &settings, &sources);
    must(bt_options_read_pairs(bt_gauge_settings_table, bt_gauge_settings_count, pairs, "asked", &settings,
                               &sources, error),
         error);
    return bt_gauge_open(out, &settings, NULL, error);
}

/* What the gauge runs in is what was asked for, and it says so. */
static void a_gauge_takes_the_precision_that_it_is_told(void **state) {
    (void)state;
    bt_gauge *gauge;
    bt_error error;
    if (bt_cpu_best_level() < BT_CPU_AVX2) skip();
    must(open_gauge(&gauge, PLAN ",precision=fp32", &error), &error);
    says(bt_gauge_describe(gauge)->settings, ", fp32, weights demo");
    bt_gauge_close(&gauge);
    assert_int_equal(open_gauge(&gauge, PLAN ",precision=fp16", &error), BT_INVALID); /* a GPU's */
    says(error.message, "cbam_resunet: FP16 is a GPU's");
}

static void questions_are_answered_one_by_one(void **state) {
    (void)state;
    int code;
    char *text = say(&code, SETTINGS, "--ask", "0\n7\n7\n"), *rest;
    assert_int_equal(code, 0);
    char *line = strchr(text, '\n');
    assert_non_null(line);
    for (int i = 0; i < 3; i++) {
        assert_true(bt_text_read_number(line + 1, &rest) > 0);
        assert_int_equal(*rest, '\n');
        line = rest;
    }
    free(text);
    free(say(&code, SETTINGS, "--ask", "99\n")); /* no such metric */
    assert_int_equal(code, 2);
}

static void words_it_does_not_know_are_refused(void **state) {
    (void)state;
    int code;
    static const char *const words[][2] = {
        {NULL, NULL},          {"--help", NULL},         {"{", NULL},         {"{\"model\": 3}", NULL},
        {"--count", "idling"}, {"--count", "generator"}, {SETTINGS, "--sing"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *text = say(&code, words[i][0], words[i][1], "");
        assert_int_equal(code, 2);
        assert_string_equal(text, "");
        free(text);
    }
    free(say(&code, "--count", "schedule", ""));
    assert_int_equal(code, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_again_and_again),
        cmocka_unit_test(a_turn_is_a_record_of_every_metric),
        cmocka_unit_test(a_gauge_takes_the_precision_that_it_is_told),
        cmocka_unit_test(questions_are_answered_one_by_one),
        cmocka_unit_test(words_it_does_not_know_are_refused),
    };
    return cmocka_run_group_tests_name("gate-gauge", tests, NULL, NULL);
}
