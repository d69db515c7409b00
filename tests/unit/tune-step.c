/* Steps and their results cross to the worker and into the journal as JSON, and come back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tune/step.h"

/* ---- there and back ---- */

static bt_step random_step(bt_random *random) {
    return (bt_step){.kind = (bt_step_kind)bt_random_below(random, BT_STEP_MASKS + 1),
                     .batch_size = (int)bt_random_below(random, 65537),
                     .runs = (int)bt_random_below(random, BT_MAX_TURN_SAMPLES + 1)};
}

static double random_figure(bt_random *random) {
    return bt_random_uniform(random) < 0.3 ? NAN : bt_random_normal(random) * 1e3;
}

static bt_step_result random_result(bt_random *random) {
    bt_step_result result = bt_step_result_empty();
    result.status = (bt_status)bt_random_below(random, BT_UNSUPPORTED + 1);
    snprintf(result.message, sizeof result.message, "%s",
             result.status != BT_OK ? "it \"broke\"\tat 3 \xc2\xb5s" : "");
    result.sample_count = (int)bt_random_below(random, BT_MAX_TURN_SAMPLES + 1);
    for (int i = 0; i < result.sample_count; i++)
        result.samples_ms[i] = bt_random_exponential(random);
    result.memory_mb = random_figure(random);
    result.memory_total_used_mb = random_figure(random);
    result.logit_error = random_figure(random);
    result.mask_iou = random_figure(random);
    result.output_least = random_figure(random);
    result.output_most = random_figure(random);
    result.mask_share = random_figure(random);
    result.disturbed = bt_random_uniform(random) < 0.5;
    if (bt_random_uniform(random) < 0.5)
        result.throttling = (bt_throttling){.quota_cpus = bt_random_exponential(random),
                                            .quota_periods = (int64_t)bt_random_below(random, 1000),
                                            .throttled_periods = (int64_t)bt_random_below(random, 1000),
                                            .throttled_s = bt_random_exponential(random)};
    result.elapsed_s = bt_random_exponential(random);
    return result;
}

/* As text, the way it crosses; takes over the reference. */
static json_t *through_text(json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    assert_null(strchr(text, '\n')); /* one line each */
    json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(again);
    return again;
}

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static bool same_result(const bt_step_result *a, const bt_step_result *b) {
    bool equal = a->status == b->status && strcmp(a->message, b->message) == 0 &&
                 a->sample_count == b->sample_count && same(a->memory_mb, b->memory_mb) &&
                 same(a->memory_total_used_mb, b->memory_total_used_mb) &&
                 same(a->logit_error, b->logit_error) && same(a->mask_iou, b->mask_iou) &&
                 same(a->output_least, b->output_least) && same(a->output_most, b->output_most) &&
                 same(a->mask_share, b->mask_share) && a->disturbed == b->disturbed &&
                 a->throttling.quota_cpus == b->throttling.quota_cpus &&
                 a->throttling.quota_periods == b->throttling.quota_periods &&
                 a->throttling.throttled_periods == b->throttling.throttled_periods &&
                 a->throttling.throttled_s == b->throttling.throttled_s && same(a->elapsed_s, b->elapsed_s);
    for (int i = 0; equal && i < a->sample_count; i++)
        equal = a->samples_ms[i] == b->samples_ms[i];
    return equal;
}

static void a_step_comes_back_the_same(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "test steps");
    for (int i = 0; i < 500; i++) {
        bt_step step = random_step(&random), again;
        bt_error error;
        json_t *json = through_text(bt_step_to_json(&step));
        if (bt_step_from_json(json, &again, "step", &error)) fail_msg("step %d: %s", i, error.message);
        assert_true(bt_step_equal(&step, &again));
        json_decref(json);
    }
}

/* To the last bit, or a resumed run would decide otherwise than the one that was cut off. */
static void a_result_comes_back_the_same(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "test results");
    for (int i = 0; i < 500; i++) {
        bt_step_result result = random_result(&random), again;
        bt_error error;
        json_t *json = through_text(bt_step_result_to_json(&result));
        if (bt_step_result_from_json(json, &again, "result", &error))
            fail_msg("result %d: %s", i, error.message);
        if (!same_result(&result, &again)) fail_msg("result %d came back as another", i);
        json_decref(json);
    }
}

static void an_empty_result_knows_nothing(void **state) {
    (void)state;
    bt_step_result empty = bt_step_result_empty();
    assert_int_equal(empty.status, BT_OK);
    assert_int_equal(empty.sample_count, 0);
    assert_true(isnan(empty.memory_mb) && isnan(empty.memory_total_used_mb));
    assert_true(isnan(empty.logit_error) && isnan(empty.mask_iou));
    json_t *json = bt_step_result_to_json(&empty);
    assert_true(json_is_null(json_object_get(json, "memory_mb"))); /* JSON has no NaN */
    json_decref(json);
}

static void steps_differ_in_every_part(void **state) {
    (void)state;
    const bt_step step = {BT_STEP_MEASURE, 4, 5};
    assert_true(bt_step_equal(&step, &(bt_step){BT_STEP_MEASURE, 4, 5}));
    assert_false(bt_step_equal(&step, &(bt_step){BT_STEP_MEMORY, 4, 5}));
    assert_false(bt_step_equal(&step, &(bt_step){BT_STEP_MEASURE, 5, 5}));
    assert_false(bt_step_equal(&step, &(bt_step){BT_STEP_MEASURE, 4, 4}));
}

static void every_kind_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a <= BT_STEP_MASKS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(bt_step_name((bt_step_kind)a), bt_step_name((bt_step_kind)b));
}

/* ---- what is refused ---- */

static void assert_says_where(const char *given, const char *words, const bt_error *error) {
    if (strncmp(error->message, "line 7", 6) != 0 || !strstr(error->message, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", given, error->message, words);
}

static void assert_step_refused(const char *text, const char *words) {
    bt_step step;
    bt_error error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_int_equal(bt_step_from_json(json, &step, "line 7", &error), BT_PARSE);
    assert_says_where(text, words, &error);
    json_decref(json);
}

static void a_malformed_step_is_refused(void **state) {
    (void)state;
    assert_step_refused("{}", "kind");
    assert_step_refused("{\"kind\": 3, \"batch_size\": 4, \"runs\": 5}", "kind");
    assert_step_refused("{\"kind\": \"meassure\", \"batch_size\": 4, \"runs\": 5}",
                        "\"meassure\" is no kind of step");
    assert_step_refused("{\"kind\": \"measure\", \"batch_size\": -1, \"runs\": 5}", "batch_size");
    assert_step_refused("{\"kind\": \"measure\", \"batch_size\": 65537, \"runs\": 5}", "batch_size");
    assert_step_refused("{\"kind\": \"measure\", \"batch_size\": 4.5, \"runs\": 5}", "batch_size");
    assert_step_refused("{\"kind\": \"measure\", \"batch_size\": 4, \"runs\": 17}", "runs");
    assert_step_refused("{\"kind\": \"measure\", \"batch_size\": 4}", "runs");
}

static void assert_result_refused(const char *change, const char *words) {
    bt_step_result result = bt_step_result_empty();
    bt_error error;
    json_t *json = bt_step_result_to_json(&result), *other = json_loads(change, 0, NULL);
    assert_int_equal(json_object_update(json, other), 0);
    json_decref(other);
    assert_int_equal(bt_step_result_from_json(json, &result, "line 7", &error), BT_PARSE);
    assert_says_where(change, words, &error);
    json_decref(json);
}

static void a_malformed_result_is_refused(void **state) {
    (void)state;
    assert_result_refused("{\"status\": -1}", "status");
    assert_result_refused("{\"status\": 11}", "status");
    assert_result_refused("{\"status\": \"ok\"}", "status");
    assert_result_refused("{\"message\": null}", "message");
    assert_result_refused("{\"samples_ms\": 4}", "samples_ms");
    assert_result_refused("{\"samples_ms\": [1, 2, -1]}", "samples_ms[2]");
    assert_result_refused("{\"samples_ms\": [1, null]}", "samples_ms[1]");
    assert_result_refused("{\"samples_ms\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}", "more than 16");
    assert_result_refused("{\"memory_mb\": \"much\"}", "memory_mb");
    assert_result_refused("{\"mask_iou\": []}", "mask_iou");
    assert_result_refused("{\"disturbed\": 1}", "disturbed");
    assert_result_refused("{\"elapsed_s\": -1}", "elapsed_s");
    assert_result_refused("{\"elapsed_s\": null}", "elapsed_s");
}

/* A byte or two of a good line changed: it is read as something sound, or refused with a message. */
static void a_mutated_result_is_sound_or_refused(void **state) {
    (void)state;
    int refused = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        bt_random random = bt_random_stream(seed, "test mutations");
        bt_step_result result = random_result(&random), read;
        bt_error error = {BT_OK, ""};
        json_t *json = bt_step_result_to_json(&result);
        char *text = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        for (int i = 0; i < 2; i++)
            text[bt_random_below(&random, strlen(text))] = (char)(' ' + bt_random_below(&random, 95));
        json = json_loads(text, 0, NULL);
        bt_status status = bt_step_result_from_json(json, &read, "line 7", &error);
        json_decref(json);
        refused += status != BT_OK;
        bool sound = read.sample_count >= 0 && read.sample_count <= BT_MAX_TURN_SAMPLES &&
                     read.status <= BT_UNSUPPORTED && read.elapsed_s >= 0;
        for (int i = 0; sound && i < read.sample_count; i++)
            sound = read.samples_ms[i] >= 0;
        if (status != BT_OK) sound = status == BT_PARSE && error.message[0];
        if (!sound) fail_msg("seed %llu: %s", (unsigned long long)seed, text);
        free(text);
    }
    assert_in_range(refused, 100, 2999);
}

/* ---- memory runs out ---- */

static long until_failure;

static void *failing_malloc(size_t size) {
    return until_failure-- > 0 ? malloc(size) : NULL;
}

/* jansson's own allocator, so that the n-th allocation of a conversion can be made to fail. */
static int let_jansson_fail(void **state) {
    (void)state;
    json_set_alloc_funcs(failing_malloc, free);
    return 0;
}

static int let_jansson_be(void **state) {
    (void)state;
    json_set_alloc_funcs(malloc, free);
    return 0;
}

/* The sanitizers see to it that nothing leaks on the way out. */
static void without_memory_there_is_no_json_and_no_leak(void **state) {
    (void)state;
    bt_random random = bt_random_stream(3, "test results");
    bt_step_result result = random_result(&random);
    result.sample_count = BT_MAX_TURN_SAMPLES;
    const bt_step step = {BT_STEP_MEASURE, 4, 5};
    json_t *json = NULL;
    long failed = 0;
    for (long n = 0; !json; n++, failed++) {
        until_failure = n;
        json = bt_step_result_to_json(&result);
    }
    json_decref(json);
    assert_true(failed > BT_MAX_TURN_SAMPLES); /* it took one for each sample at least */
    json = NULL;
    for (long n = 0; !json; n++) {
        until_failure = n;
        json = bt_step_to_json(&step);
    }
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_comes_back_the_same),
        cmocka_unit_test(a_result_comes_back_the_same),
        cmocka_unit_test(an_empty_result_knows_nothing),
        cmocka_unit_test(steps_differ_in_every_part),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
        cmocka_unit_test(a_malformed_step_is_refused),
        cmocka_unit_test(a_malformed_result_is_refused),
        cmocka_unit_test(a_mutated_result_is_sound_or_refused),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_json_and_no_leak, let_jansson_fail,
                                        let_jansson_be),
    };
    return cmocka_run_group_tests_name("tune: steps and results", tests, NULL, NULL);
}
