/* Service times made so that one thing decides whether batching pays: that thing is what the explanation names. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "fixture-load-record.h"
#include "report-text.h"
#include "report/explanation.h"

static const int sizes[] = {1, 2, 4, 8, 16};
#define with_load(test)                                                                                      \
    cmocka_unit_test_setup_teardown(test, fixture_load_record_set_up, fixture_load_record_tear_down)
#define SIZES (int)(sizeof sizes / sizeof *sizes)

/* A model as a config has it. */
typedef struct made_up {
    double (*service_ms)(int batch_size);
    int chosen;
    double prepare_ms, sla_ms, delay_ms;
    const char *more; /* keys of the entry */
    bool old;         /* without quantiles, as before there were any */
} made_up;

static char *document(const made_up *m) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out,
            "{\"schema_version\": 1, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": %d, "
            "\"image_size\": 128,"
            "\"settings\": {\"p95_sla_ms\": %g, \"max_queue_delay_ms\": %g}, ",
            m->chosen, m->sla_ms, m->delay_ms);
    if (m->prepare_ms > 0) fprintf(out, "\"prepare_ms_quantiles\": [%g, %g], ", m->prepare_ms, m->prepare_ms);
    if (m->more) fprintf(out, "%s, ", m->more);
    fprintf(out, "\"points\": [");
    for (int i = 0; i < SIZES; i++) {
        const double ms = m->service_ms(sizes[i]);
        fprintf(out, "%s{\"batch_size\": %d, \"p50_ms\": %g, \"outcome\": \"measured\"", i == 0 ? "" : ", ",
                sizes[i], ms);
        if (!m->old) fprintf(out, ", \"service_ms_quantiles\": [%g, %g]", ms, ms);
        fprintf(out, "}");
    }
    fprintf(out, "]}}}");
    fclose(out);
    return text;
}

static bt_explanation *explain_text(const char *text, double rate_rps) {
    const bt_explain_options options = {.path = "c.json", .rate_rps = rate_rps};
    bt_explanation *explanation;
    bt_error error = {BT_OK, ""};
    if (bt_explain_text(&explanation, text, strlen(text), &options, &error) != BT_OK)
        fail_msg("%s", error.message);
    return explanation;
}

static bt_explanation *explain(const made_up *m, double rate_rps) {
    char *text = document(m);
    bt_explanation *explanation = explain_text(text, rate_rps);
    free(text);
    return explanation;
}

static double launch_bound(int b) {
    return 10 + 1.0 * b;
}
static double saturated(int b) {
    return 0.2 + 10.0 * b;
}
static double plateau(int b) {
    return b <= 2 ? 10 : 5.2 * b;
}
static double kinked(int b) {
    return b == 8 ? 60 : 4 + 2.0 * b;
}

static char *printed(const bt_explanation *explanation, bt_explanation_format format) {
    text_stream stream;
    bt_error error;
    FILE *out = text_stream_open(&stream);
    assert_int_equal(bt_report_explanation(explanation, format, out, &error), BT_OK);
    return text_stream_close(&stream);
}

static void expect_part(const bt_explained_load *load, const char *name, double from_ms, double to_ms) {
    for (int i = 0; i < load->part_count; i++) {
        if (strcmp(load->parts[i].name, name) != 0) continue;
        if (load->parts[i].mean_ms >= from_ms && load->parts[i].mean_ms <= to_ms) return;
        fail_msg("%s is %g ms, not %g to %g", name, load->parts[i].mean_ms, from_ms, to_ms);
    }
    fail_msg("there is no part %s", name);
}

static const bt_explained_change *change_of(const bt_explained_model *model, const char *words) {
    for (int i = 0; i < model->change_count; i++)
        if (strstr(model->changes[i].what, words)) return &model->changes[i];
    return NULL;
}

static void a_large_fixed_cost_pays_since_batches_share_it(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 100, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_equal(model->verdict, BT_PAYS_WELL);
    assert_int_equal(model->cause, BT_CAUSE_LAUNCH);
    assert_true(model->gain > 3);
    assert_true(fabs(model->fixed_ms - 10) < 0.01 && fabs(model->image_ms - 1) < 0.01);
    assert_true(fabs(model->fixed_share - 10.0 / 11) < 0.01);
    assert_int_equal(model->bent_at, 0);
    expect_part(&model->loads[0], "launch", 9.99, 10.01);
    const bt_explained_change *launch = change_of(model, "half the cost of starting a run, 5.00 ms");
    assert_non_null(launch);
    assert_true(launch->capacity_rps > 1.2 * model->capacity_rps);
    bt_explanation_close(&explanation);
}

/* Two run as long as one, and then each adds its own: what is fixed cannot be read off a line. */
static void a_device_that_one_image_does_not_fill_pays_without_a_launch_cost(void **state) {
    (void)state;
    const made_up m = {plateau, .chosen = 2, .sla_ms = 200, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_equal(model->verdict, BT_PAYS_WELL);
    assert_int_equal(model->cause, BT_CAUSE_UNFILLED);
    assert_int_equal(model->bent_at, 1);
    assert_non_null(strstr(model->why, "it runs 10.00 ms alone, and 5.00 ms in a batch of 2"));
    bt_explanation_close(&explanation);
}

static void a_promise_that_no_rate_keeps_is_told(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 4, .sla_ms = 5, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_equal(model->verdict, BT_PAYS_WELL);
    assert_non_null(strstr(model->why, "neither keeps P95 ≤ 5 ms at any rate"));
    assert_true(model->loads[0].rate_rps > 0);
    bt_explanation_close(&explanation);
}

static void the_rate_is_the_one_that_tuning_was_told_to_expect(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 100, .delay_ms = 5};
    const char *const rates[] = {"40", "hrnet=40,unet=7", "unet=7", ""};
    char *entry = document(&m), text[8192];
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "{\"settings\": {\"rate\": \"%s\"}, %s", rates[i], entry + 1);
        bt_explanation *told = explain_text(text, 0), *asked = explain_text(text, 90);
        assert_true((told->models[0].loads[0].rate_rps == 40) == (i < 2));
        assert_true(asked->models[0].loads[0].rate_rps == 90);
        bt_explanation_close(&told);
        bt_explanation_close(&asked);
    }
    free(entry);
}

static void a_rate_beyond_what_is_served_is_told(void **state) {
    (void)state;
    const made_up m = {saturated, .chosen = 1, .sla_ms = 200, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 1000);
    assert_non_null(strstr(explanation->models[0].loads[0].why, "of the requests get no result"));
    bt_explanation_close(&explanation);
}

static void a_device_that_one_image_fills_gains_nothing(void **state) {
    (void)state;
    const made_up m = {saturated, .chosen = 1, .sla_ms = 200, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_not_equal(model->verdict, BT_PAYS_WELL);
    assert_int_equal(model->cause, BT_CAUSE_SATURATED);
    assert_int_equal(model->filled_at, 1);
    assert_non_null(strstr(model->why, "one keeps the device busy"));
    assert_null(change_of(model, "half the cost"));
    const bt_explained_change *instance = change_of(model, "one more instance");
    assert_ptr_equal(instance, &model->changes[0]);
    assert_true(instance->capacity_rps > 1.5 * model->capacity_rps);
    bt_explanation_close(&explanation);
}

static void preparing_that_batches_do_not_share_takes_the_gain(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .prepare_ms = 100, .sla_ms = 5000, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_not_equal(model->verdict, BT_PAYS_WELL);
    assert_int_equal(model->cause, BT_CAUSE_PREPARING);
    const bt_explained_change *elsewhere = change_of(model, "preparing and delivering off the lane");
    assert_ptr_equal(elsewhere, &model->changes[0]);
    assert_true(elsewhere->capacity_rps > 5 * model->capacity_rps);
    bt_explanation_close(&explanation);
}

/* Batches of eight take so long that none is in time behind another, and a delay as long as the promise. */
static void waiting_that_the_promise_does_not_allow_takes_the_gain(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 24, .delay_ms = 20};
    bt_explanation *explanation = explain(&m, 5);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_equal(model->verdict, BT_PAYS_NOT);
    assert_int_equal(model->cause, BT_CAUSE_WAITING);
    assert_int_equal(model->loads[0].cause, BT_CAUSE_WAITING);
    expect_part(&model->loads[0], "queue", 15, 22);
    assert_non_null(strstr(model->loads[0].why, "without that delay a request would take"));
    assert_non_null(change_of(model, "a queue delay of 0 ms in place of 20"));
    bt_explanation_close(&explanation);
}

static void a_size_off_the_line_is_named_and_does_not_bend_it(void **state) {
    (void)state;
    const made_up m = {kinked, .chosen = 4, .sla_ms = 200, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_true(fabs(model->fixed_ms - 4) < 0.01 && fabs(model->image_ms - 2) < 0.01);
    assert_int_equal(model->bent_at, 8);
    assert_true(fabs(model->bent_percent - 100 * 40.0 / 60) < 0.1);
    bt_explanation_close(&explanation);
}

static void a_request_s_parts_are_its_latency(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 4, .prepare_ms = 2, .sla_ms = 200, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 40);
    const bt_explained_load *load = &explanation->models[0].loads[0];
    assert_true(load->predicted && load->rate_rps == 40);
    assert_true(bt_explained_rest_ms(load) < 0.001 * load->mean_ms);
    bt_explanation_close(&explanation);
}

static void a_precision_that_was_faster_and_not_taken_is_a_change(void **state) {
    (void)state;
    const made_up m = {saturated, .chosen = 1, .sla_ms = 100, .delay_ms = 5,
                       .more = "\"precisions\": [{\"precision\": \"bf16\", \"channels_last\": true, "
                               "\"ratio\": 1, \"why\": \"\"},"
                               "{\"precision\": \"int8\", \"channels_last\": true, \"ratio\": 2, \"why\": "
                               "\"it was not asked for\"}]"};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_change *int8 = change_of(&explanation->models[0], "INT8, × 2.00");
    assert_non_null(int8);
    assert_non_null(strstr(int8->what, "it was not asked for"));
    assert_true(int8->capacity_rps > 1.8 * explanation->models[0].capacity_rps);
    bt_explanation_close(&explanation);
}

/* What is told of a config that knows no distribution is what its medians say. */
static void an_old_config_is_judged_by_its_medians_and_nothing_is_simulated(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 100, .delay_ms = 5, .old = true};
    bt_explanation *explanation = explain(&m, 0);
    const bt_explained_model *model = &explanation->models[0];
    assert_int_equal(model->verdict, BT_PAYS_WELL);
    assert_int_equal(model->cause, BT_CAUSE_LAUNCH);
    assert_true(isnan(model->capacity_rps));
    assert_int_equal(model->load_count, 0);
    assert_int_equal(model->change_count, 0);
    bt_explanation_close(&explanation);
    explanation = explain_text(
        "{\"schema_version\": 1, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 4}}}", 0);
    assert_int_equal(explanation->models[0].verdict, BT_PAYS_UNKNOWN);
    assert_non_null(strstr(explanation->models[0].why, "no batch size was measured"));
    bt_explanation_close(&explanation);
}

static void a_pause_that_costs_is_told(void **state) {
    (void)state;
    const made_up m = {saturated, .chosen = 1, .sla_ms = 200, .delay_ms = 5,
                       .more = "\"idle_gap_ms\": [20, 200], \"idle_extra_ms\": [0.5, 3]"};
    bt_explanation *explanation = explain(&m, 0);
    assert_true(explanation->models[0].pause_ms == 200 && explanation->models[0].after_pause_ms == 3);
    char *text = printed(explanation, BT_EXPLANATION_TABLE);
    assert_non_null(strstr(text, "a run after one of 200 ms takes 3.00 ms longer"));
    free(text);
    bt_explanation_close(&explanation);
}

static void what_another_model_costs_is_told_in_milliseconds(void **state) {
    (void)state;
    const made_up m = {saturated, .chosen = 1, .sla_ms = 200, .delay_ms = 5,
                       .more =
                           "\"neighbours\": [{\"model\": \"cbam_resunet\", \"beside\": 1, \"slowdown\": 1.5, "
                           "\"switch_ms\": 3}, {\"model\": \"other\", \"beside\": 1, \"slowdown\": 1.01}]"};
    bt_explanation *explanation = explain(&m, 0);
    const char *why = explanation->models[0].loads[0].why;
    double factor, more_ms;
    const char *beside = strstr(why, "while cbam_resunet runs beside it, a run takes ");
    assert_non_null(beside);
    assert_int_equal(
        sscanf(strstr(beside, "takes "), "takes %lf times as long, up to %lf ms more", &factor, &more_ms), 2);
    const double run_ms = explanation->models[0].sizes[0].run_ms;
    assert_true(factor == 1.5 && fabs(more_ms - 0.5 * run_ms) < 0.06);
    assert_non_null(strstr(why, "right after one of cbam_resunet it takes 3.0 ms more"));
    assert_null(strstr(why, "other"));
    bt_explanation_close(&explanation);
}

static void one_size_alone_is_nothing_to_compare(void **state) {
    (void)state;
    bt_explanation *explanation = explain_text(
        "{\"schema_version\": 1, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 1, \"points\": "
        "[{\"batch_size\": 1, \"outcome\": \"measured\", \"service_ms_quantiles\": [9, 9]}]}}}",
        7);
    assert_true(explanation->models[0].loads[0].rate_rps == 7);
    assert_int_equal(explanation->models[0].verdict, BT_PAYS_UNKNOWN);
    assert_non_null(strstr(explanation->models[0].why, "only one batch size was measured"));
    bt_explanation_close(&explanation);
}

/* ---- a service's metrics ---- */

static void a_service_that_waits_idly_is_told_so(void **state) {
    (void)state;
    bt_explanation *explanation = explain_text(
        "batchtune_batch_size_limit{model=\"hrnet\"} 8\nbatchtune_batch_size_mean{model=\"hrnet\"} 1.2\n"
        "batchtune_utilisation_ratio{model=\"hrnet\"} "
        "0.2\nbatchtune_throughput_images_per_second{model=\"hrnet\"} 11\n"
        "batchtune_latency_seconds_sum{model=\"hrnet\"} 6\nbatchtune_latency_seconds_count{model=\"hrnet\"} "
        "100\n"
        "batchtune_queue_seconds_sum{model=\"hrnet\"} 4\nbatchtune_queue_seconds_count{model=\"hrnet\"} 100\n"
        "batchtune_service_seconds_sum{model=\"hrnet\"} "
        "1.9\nbatchtune_service_seconds_count{model=\"hrnet\"} 100\n",
        0);
    const bt_explained_model *model = &explanation->models[0];
    const bt_explained_load *load = &model->loads[0];
    assert_int_equal(load->cause, BT_CAUSE_WAITING);
    expect_part(load, "queue", 39.9, 40.1);
    expect_part(load, "run", 18.9, 19.1);
    assert_true(fabs(bt_explained_rest_ms(load) - 1) < 0.01);
    assert_non_null(strstr(load->why, "instances are idle meanwhile: a shorter queue delay"));
    assert_non_null(strstr(model->why, "batching hardly happens: 1.20 requests a batch"));
    bt_explanation_close(&explanation);
}

/* ---- a load test's record ---- */

/* HRNet's sustained load, whose parts are these. */
static bt_load_part *sustained(bt_load_record *record) {
    bt_load_scenario *scenario = &record->scenarios[4];
    assert_string_equal(scenario->name, "sustained");
    bt_load_part *part = &scenario->parts[0];
    record->models[0].batch_size = 4;
    record->models[0].max_queue_delay_ms = 5;
    part->rate_rps = 20;
    part->mean_batch_size = 1.2;
    part->latency.mean_ms = 90;
    part->slip_mean_ms = 0;
    part->queue_mean_ms = 60;
    part->preprocess_mean_ms = 5;
    part->deliver_mean_ms = 1;
    part->service_mean_ms = 20;
    return part;
}

static void explain_sustained(const bt_load_record *record, bt_pays_cause cause, const char *words) {
    const bt_explain_options options = {.path = "load.json"};
    bt_explanation *explanation;
    bt_error error;
    assert_int_equal(bt_explain_load(&explanation, record, &options, &error), BT_OK);
    const bt_explained_model *hrnet = &explanation->models[0];
    const bt_explained_load *load = NULL;
    for (int i = 0; i < hrnet->load_count; i++)
        if (strcmp(hrnet->loads[i].title, "Sustained Load") == 0) load = &hrnet->loads[i];
    assert_non_null(load);
    assert_int_equal(load->cause, cause);
    assert_true(fabs(bt_explained_rest_ms(load) - 5) < 1e-9);
    if (!strstr(load->why, words)) fail_msg("%s", load->why);
    bt_explanation_close(&explanation);
}

static void a_load_test_says_which_part_was_the_largest(void **state) {
    bt_load_record *record = *state;
    bt_load_part *part = sustained(record);
    explain_sustained(record, BT_CAUSE_WAITING, "waiting in the queue: 67 % (60.0 of 90.0 ms)");
    part->queue_mean_ms = 5, part->preprocess_mean_ms = 60;
    explain_sustained(record, BT_CAUSE_PREPARING, "preparing and delivering: 67 % (60.0 of 90.0 ms)");
    part->preprocess_mean_ms = 5, part->slip_mean_ms = 55;
    explain_sustained(record, BT_CAUSE_LATE, "sending late");
    part->slip_mean_ms = 0, part->service_mean_ms = 75, part->deliver_mean_ms = NAN;
    explain_sustained(record, BT_CAUSE_RUNNING, "the runs: 83 % (75.0 of 90.0 ms)");
}

static void a_load_test_says_why_its_batches_were_not_full(void **state) {
    bt_load_record *record = *state;
    sustained(record);
    explain_sustained(
        record, BT_CAUSE_WAITING,
        "batches of 1.2 on average, of at most 4: at 20 requests/s 0.1 more come within the queue delay "
        "of 5 ms and 0.4 during a run, too few to fill one");
}

static void a_model_of_which_nothing_was_answered_is_told_as_such(void **state) {
    bt_load_record *record = *state;
    const bt_explain_options options = {.path = "load.json"};
    bt_explanation *explanation;
    bt_error error;
    for (int s = 0; s < record->scenario_count; s++)
        for (int p = 0; p < record->scenarios[s].part_count; p++)
            record->scenarios[s].parts[p].ok = 0;
    assert_int_equal(bt_explain_load(&explanation, record, &options, &error), BT_OK);
    assert_int_equal(explanation->models[0].load_count, 0);
    assert_string_equal(explanation->models[0].why, "nothing ran, so there is nothing to explain");
    char *text = printed(explanation, BT_EXPLANATION_TABLE);
    assert_non_null(strstr(text, "nothing ran"));
    free(text);
    bt_explanation_close(&explanation);
}

/* A record holds as many models as it holds. */
static void more_models_than_are_ever_served_are_explained(void **state) {
    (void)state;
    enum { MANY = 4 * BT_MODELS_MAX };
    const bt_names last = {1, {"model255"}};
    const bt_explain_options all = {.path = "load.json"}, one = {.path = "load.json", .models = &last};
    bt_explanation *explanation;
    bt_load_record *record;
    bt_error error;
    assert_int_equal(bt_load_record_open(&record, MANY, &error), BT_OK);
    for (int i = 0; i < MANY; i++)
        snprintf(record->models[i].model, sizeof record->models[i].model, "model%d", i);
    assert_int_equal(bt_explain_load(&explanation, record, &all, &error), BT_OK);
    assert_int_equal(explanation->model_count, MANY);
    bt_explanation_close(&explanation);
    assert_int_equal(bt_explain_load(&explanation, record, &one, &error), BT_OK);
    assert_int_equal(explanation->model_count, 1);
    assert_int_equal(explanation->models[0].from, MANY - 1);
    assert_string_equal(explanation->models[0].model, "model255");
    bt_explanation_close(&explanation);
    bt_load_record_close(&record);
}

/* ---- what is refused, and forms ---- */

static void refuses_text(const char *text, const bt_names *models, double rate_rps, const char *words) {
    const bt_explain_options options = {.path = "c.json", .models = models, .rate_rps = rate_rps};
    bt_explanation *explanation;
    bt_error error = {BT_OK, ""};
    assert_int_not_equal(bt_explain_text(&explanation, text, strlen(text), &options, &error), BT_OK);
    assert_null(explanation);
    if (!strstr(error.message, words)) fail_msg("%s", error.message);
}

static void what_cannot_be_explained_is_refused_by_what_can(void **state) {
    (void)state;
    const bt_names other = {1, {"other"}};
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 100, .delay_ms = 5};
    char *text = document(&m);
    refuses_text(text, &other, 0, "--models: c.json has no \"other\"; it has hrnet");
    free(text);
    refuses_text("", NULL, 0, "c.json: is nothing that can be explained");
    refuses_text("hello", NULL, 0, "c.json: is nothing that can be explained");
    refuses_text("{}", NULL, 0, "c.json: is nothing that can be explained");
    refuses_text("{\"kind\": \"gate\"}", NULL, 0, "c.json: is nothing that can be explained");
    refuses_text("{\"kind\": \"load\"}", NULL, 5, "--rate: c.json was measured at its own rate");
    refuses_text("batchtune_queue_size{model=\"a\"} 1", NULL, 5,
                 "--rate: c.json was measured at its own rate");
    refuses_text("{\"a\": ", NULL, 0, "c.json: line 1");
    refuses_text("batchtune_queue_size{model=\"a} 1", NULL, 0, "c.json: line 1");
}

static void every_form_says_the_verdict_and_the_parts(void **state) {
    (void)state;
    const made_up m = {launch_bound, .chosen = 8, .sla_ms = 100, .delay_ms = 5};
    bt_explanation *explanation = explain(&m, 40);
    for (int format = BT_EXPLANATION_TABLE; format <= BT_EXPLANATION_MARKDOWN; format++) {
        char *text = printed(explanation, (bt_explanation_format)format);
        if (!strstr(text, "batching pays: ×") || !strstr(text, "launch") ||
            !strstr(text, "one more instance"))
            fail_msg("%s", text);
        free(text);
    }
    char *text = printed(explanation, BT_EXPLANATION_JSON);
    json_t *json = json_loads(text, 0, NULL);
    json_t *model = json_array_get(json_object_get(json, "models"), 0);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "explanation");
    assert_string_equal(json_string_value(json_object_get(json, "explained")), "config");
    assert_string_equal(json_string_value(json_object_get(model, "verdict")), "pays");
    assert_string_equal(json_string_value(json_object_get(model, "cause")), "launch");
    assert_int_equal(json_array_size(json_object_get(model, "sizes")), SIZES);
    json_decref(json);
    free(text);
    bt_explanation_close(&explanation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_fixed_cost_pays_since_batches_share_it),
        cmocka_unit_test(a_device_that_one_image_does_not_fill_pays_without_a_launch_cost),
        cmocka_unit_test(a_promise_that_no_rate_keeps_is_told),
        cmocka_unit_test(the_rate_is_the_one_that_tuning_was_told_to_expect),
        cmocka_unit_test(a_rate_beyond_what_is_served_is_told),
        cmocka_unit_test(a_device_that_one_image_fills_gains_nothing),
        cmocka_unit_test(preparing_that_batches_do_not_share_takes_the_gain),
        cmocka_unit_test(waiting_that_the_promise_does_not_allow_takes_the_gain),
        cmocka_unit_test(a_size_off_the_line_is_named_and_does_not_bend_it),
        cmocka_unit_test(a_request_s_parts_are_its_latency),
        cmocka_unit_test(a_precision_that_was_faster_and_not_taken_is_a_change),
        cmocka_unit_test(an_old_config_is_judged_by_its_medians_and_nothing_is_simulated),
        cmocka_unit_test(a_service_that_waits_idly_is_told_so),
        with_load(a_load_test_says_which_part_was_the_largest),
        with_load(a_load_test_says_why_its_batches_were_not_full),
        with_load(a_model_of_which_nothing_was_answered_is_told_as_such),
        cmocka_unit_test(more_models_than_are_ever_served_are_explained),
        cmocka_unit_test(a_pause_that_costs_is_told),
        cmocka_unit_test(what_another_model_costs_is_told_in_milliseconds),
        cmocka_unit_test(one_size_alone_is_nothing_to_compare),
        cmocka_unit_test(what_cannot_be_explained_is_refused_by_what_can),
        cmocka_unit_test(every_form_says_the_verdict_and_the_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
