/* What a service tells of itself: the window forgets, the start does not; percentiles are near what was put
 * in; the JSON and Prometheus forms are what such readers accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "serving/metrics.h"

#define MS(t)  ((int64_t)(t)*BT_NS_PER_MS)
#define S(t)   ((int64_t)(t)*BT_NS_PER_S)
#define WINDOW 60

static bt_meter *meter_of_a_minute(void) {
    bt_meter *meter;
    bt_error error;
    if (bt_meter_open(&meter, S(WINDOW), 0, &error) != BT_OK) fail_msg("%s", error.message);
    return meter;
}

static void answer(bt_meter *meter, int64_t at_ns, int64_t latency_ms) {
    const bt_meter_answer a = {
        {[BT_QUANTITY_LATENCY] = MS(latency_ms), MS(latency_ms) / 2, 0, MS(latency_ms) / 2}};
    bt_meter_answered(meter, at_ns, &a);
}

static bt_metrics read_at(bt_meter *meter, int64_t at_ns) {
    bt_metrics m;
    memset(&m, 0, sizeof m);
    bt_meter_read(meter, at_ns, &m);
    return m;
}

/* Histograms hold values to about 1 %. */
static void assert_near(double value, double wanted) {
    if (!(fabs(value - wanted) <= 0.011 * wanted)) fail_msg("%g, wanted %g", value, wanted);
}

static void percentiles_are_of_what_was_answered(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    for (int i = 1; i <= 100; i++)
        answer(meter, MS(10 * i), i);
    bt_metrics m = read_at(meter, S(10));
    assert_int_equal(m.latency.count, 100);
    assert_near(m.latency.p50, 50);
    assert_near(m.latency.p95, 95);
    assert_near(m.latency.p99, 99);
    assert_near(m.latency.max, 100);
    assert_near(m.latency.mean, 50.5);
    assert_near(m.queue.p95, 47.5);
    assert_near(m.window_s, 10);
    assert_near(m.throughput_imgs_per_sec, 10);
    bt_meter_close(&meter);
}

static void the_window_forgets_and_the_start_does_not(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    for (int i = 0; i < 50; i++)
        answer(meter, MS(100 * i), 400);
    for (int i = 0; i < 50; i++)
        answer(meter, S(100) + MS(100 * i), 40);
    bt_metrics m = read_at(meter, S(110));
    assert_int_equal(m.latency.count, 50);
    assert_near(m.latency.max, 40);
    assert_int_equal(m.latency_since_start.count, 100);
    assert_near(m.latency_since_start.p95, 400);
    assert_near(bt_meter_p95_ms(meter, S(110)), 40);
    bt_meter_read(meter, S(1000), &m);
    assert_int_equal(m.latency.count, 0);
    assert_true(isnan(m.latency.p95));
    assert_int_equal(m.latency_since_start.count, 100);
    bt_meter_close(&meter);
}

/* What came in the window, whatever became of it. */
static void demand_counts_losses_too(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    for (int i = 0; i < 50; i++) {
        answer(meter, MS(100 * i), 40);
        bt_meter_lost(meter, MS(100 * i));
    }
    assert_near(read_at(meter, S(10)).throughput_imgs_per_sec, 5);
    assert_near(read_at(meter, S(10)).demand_rps, 10);
    assert_true(read_at(meter, S(200)).demand_rps == 0);
    bt_meter_close(&meter);
}

/* By the promise that held when it was answered. */
static void answers_within_the_promise_are_counted(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    answer(meter, S(1), 40);
    assert_int_equal(read_at(meter, S(1)).within_sla, 0); /* there was none */
    bt_meter_promise(meter, 40);
    answer(meter, S(2), 40);
    answer(meter, S(2), 41);
    bt_meter_promise(meter, 30.5);
    answer(meter, S(3), 40);
    assert_int_equal(read_at(meter, S(4)).within_sla, 1);
    bt_meter_close(&meter);
}

static void ran(bt_meter *meter, int64_t at_ns, int64_t duration_ns, bt_path path, int requests) {
    const bt_meter_run run = {0, duration_ns, path, requests};
    bt_meter_ran(meter, at_ns, &run);
}

static void runs_make_batches_and_utilisation(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    bt_metrics m;
    memset(&m, 0, sizeof m);
    m.instance_count = 1;
    for (int i = 0; i < 10; i++)
        ran(meter, S(i + 1), MS(250), BT_PATH_PRODUCTION, i < 5 ? 4 : 1);
    ran(meter, S(10), MS(0), BT_PATH_PRODUCTION, 0); /* failed: not a batch that was served */
    ran(meter, S(10), MS(0), BT_PATH_STANDARD, 1);
    ran(meter, S(10), MS(0), BT_PATH_STANDARD, 0);
    bt_meter_read(meter, S(10), &m);
    assert_int_equal(m.standard_runs, 1);
    assert_int_equal(m.batches[3], 5);
    assert_int_equal(m.batches[0], 5);
    assert_near(m.mean_batch_size, 2.5);
    assert_near(m.instances[0].utilisation, 0.25);
    bt_meter_close(&meter);
}

static void absurd_windows_are_refused(void **state) {
    (void)state;
    bt_meter *meter;
    bt_error error;
    assert_int_equal(bt_meter_open(&meter, 0, 0, &error), BT_INVALID);
    assert_int_equal(bt_meter_open(&meter, -5, 0, &error), BT_INVALID);
}

/* A reader subtracts one moment's buckets from another's: they hold everything since the start. */
static void what_grows_is_kept_since_the_start_and_counted_by_fixed_bounds(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    bt_metrics_totals totals;
    bt_meter_totals(meter, &totals);
    for (int b = 0; b < BT_METRICS_BOUNDS; b++)
        assert_int_equal(totals.within[BT_QUANTITY_LATENCY][b], 0);
    for (int i = 0; i < 10; i++)
        answer(meter, S(i), i < 4 ? 10 : i < 9 ? 40 : 7200000); /* the last of two hours: beyond all bounds */
    bt_meter_totals(meter, &totals);
    assert_int_equal(totals.answered, 10);
    const int64_t *sums_ns = totals.sum_ns;
    assert_true(sums_ns[BT_QUANTITY_LATENCY] == MS(4 * 10 + 5 * 40 + 7200000));
    assert_true(sums_ns[BT_QUANTITY_QUEUE] == sums_ns[BT_QUANTITY_LATENCY] / 2);
    assert_true(sums_ns[BT_QUANTITY_SERVICE] == sums_ns[BT_QUANTITY_LATENCY] / 2);
    assert_int_equal(sums_ns[BT_QUANTITY_PREPROCESS], 0);
    for (int b = 0; b < BT_METRICS_BOUNDS; b++) {
        const int64_t us = bt_metrics_bounds[b].us;
        assert_int_equal(totals.within[BT_QUANTITY_LATENCY][b], us < 10000 ? 0 : us < 40000 ? 4 : 9);
        assert_int_equal(totals.within[BT_QUANTITY_QUEUE][b], us < 5000 ? 0 : us < 20000 ? 4 : 9);
        assert_int_equal(totals.within[BT_QUANTITY_PREPROCESS][b], 10);
    }
    bt_meter_close(&meter);
}

/* The texts are what a series is known by: as Go and Python write such a number in either format. */
static void bounds_ascend_and_are_written_as_what_they_are(void **state) {
    (void)state;
    for (int b = 0; b < BT_METRICS_BOUNDS; b++) {
        const bt_metrics_bound *bound = &bt_metrics_bounds[b];
        char text[BT_NUMBER_TEXT_SIZE];
        bt_text_number((double)bound->us / 1e6, text);
        if (!strchr(text, '.')) bt_text_append(text, sizeof text, ".0");
        assert_string_equal(bound->seconds, text);
        assert_true(b == 0 || bound->us > bound[-1].us);
        assert_true(bound->us <= 1000 || bound->us <= 2 * bound[-1].us);
    }
}

/* ---- other programs' forms ---- */

static bt_metrics some_metrics(const char *model) {
    bt_metrics m;
    memset(&m, 0, sizeof m);
    snprintf(m.model, sizeof m.model, "%s", model);
    m.latency = (bt_metrics_latency){10, 20, 19, 30.5, NAN, 40};
    m.ok = 123456789012345;
    m.instance_count = 1;
    snprintf(m.instances[0].device, sizeof m.instances[0].device, "cpu:0-3");
    snprintf(m.instances[0].breaker, sizeof m.instances[0].breaker, "half-open");
    m.instances[0].gpu_utilisation = NAN;
    m.headroom = -0.5;
    m.mean_batch_size = NAN;
    m.batches[3] = 7;
    m.p95_sla_ms = 250.5;
    m.throughput_imgs_per_sec = INFINITY;
    return m;
}

/* A page of two models, one with a hostile name and one that nobody has asked for anything yet. */
static char *page_of(bool open_metrics) {
    bt_metrics metrics[3] = {some_metrics("hrnet"), some_metrics("ev\"il\\\n\r{model},le=\"1\" é")};
    static bt_metrics_totals totals[3];
    snprintf(metrics[2].model, sizeof metrics[2].model, "cut \xC3"); /* in the middle of a letter */
    totals[0] = (bt_metrics_totals){.answered = 9, .batched = 28, .sum_ns = {S(3)}};
    totals[1].answered = 1;
    for (int b = 0; b < BT_METRICS_BOUNDS; b++)
        totals[0].within[BT_QUANTITY_LATENCY][b] = (uint64_t)b < 9 ? (uint64_t)b : 9;
    bt_exposition page;
    char *text;
    bt_error error;
    assert_int_equal(bt_exposition_open(&page, open_metrics, &error), BT_OK);
    bt_metrics_expose(&page, metrics, totals, 3);
    assert_int_equal(bt_exposition_close(&page, &text, &error), BT_OK);
    return text;
}

static char *some_page(void) {
    return page_of(false);
}

static void json_has_the_keys_that_people_ask_for_and_null_for_unknown(void **state) {
    (void)state;
    const bt_metrics metrics[] = {some_metrics("hrnet"), some_metrics("other")};
    char *text;
    bt_error error;
    assert_int_equal(bt_metrics_json(&text, metrics, 2, &error), BT_OK);
    json_t *top = json_loads(text, 0, NULL);
    json_t *hrnet = json_object_get(top, "hrnet");
    assert_non_null(hrnet);
    assert_non_null(json_object_get(top, "other"));
    assert_true(json_real_value(json_object_get(hrnet, "p95_latency_ms")) == 30.5);
    assert_non_null(json_object_get(hrnet, "throughput_imgs_per_sec"));
    assert_true(json_is_null(json_object_get(hrnet, "mean_batch_size")));
    json_decref(top);
    free(text);
}

/* A name, labels in braces, a value: what the text format's grammar allows. */
static void check_sample(const char *line) {
    const char *at = line;
    assert_true(isalpha((unsigned char)*at) || *at == '_');
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    if (*at == '{') {
        bool quoted = false;
        for (at++; *at && (quoted || *at != '}'); at++)
            if (*at == '\\')
                at++;
            else if (*at == '"')
                quoted = !quoted;
        if (*at++ != '}') fail_msg("labels are not closed: %s", line);
    }
    if (*at++ != ' ') fail_msg("no value: %s", line);
    char *end;
    (void)bt_text_read_number(at, &end);
    if (end == at || *end) fail_msg("'%s' is no value: %s", at, line);
}

/* What a family may hold: a word of its type, and the ends that its samples' names have. */
static void check_family(const char *line, const char *name, const char *type) {
    const size_t length = strlen(name);
    const char *rest = line + length;
    if (strncmp(line, name, length) != 0) fail_msg("%s stands under %s", line, name);
    const bool counter = strcmp(type, "counter") == 0, histogram = strcmp(type, "histogram") == 0,
               summary = strcmp(type, "summary") == 0;
    const bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
    if (total != counter) fail_msg("%s is a %s", name, type);
    if (strstr(name, "milli") || strstr(name, "_ms")) fail_msg("%s is in no base unit", name);
    if ((strstr(line, ",quantile=\"") != NULL) && !summary) fail_msg("a quantile of a %s: %s", type, line);
    if (*rest == '{' || *rest == ' ') {
        if (histogram) fail_msg("a histogram's sample has an end: %s", line);
    } else if (!(summary || histogram) || (strncmp(rest, "_sum", 4) != 0 && strncmp(rest, "_count", 6) != 0 &&
                                           (!histogram || strncmp(rest, "_bucket", 7) != 0))) {
        fail_msg("%s does not belong to %s", line, name);
    }
}

static void prometheus_can_read_it_whatever_a_model_is_called(void **state) {
    (void)state;
    char *text = some_page(), *lines[1024], typed[128][96], type[16] = "";
    int type_count = 0, line_count = 0;
    assert_non_null(strstr(text, "123456789012345\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_true(bt_text_is_utf8(text));
    assert_null(strchr(text, '\r'));
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        for (int i = 0; i < line_count; i++)
            if (strncmp(lines[i], line, (size_t)(strrchr(lines[i], ' ') - lines[i] + 1)) == 0 &&
                strrchr(lines[i], ' ') - lines[i] == strrchr(line, ' ') - line)
                fail_msg("twice: %s", line);
        assert_in_range(line_count, 0, 1023);
        lines[line_count++] = line;
        if (strncmp(line, "# HELP ", 7) == 0) continue;
        if (strncmp(line, "# TYPE ", 7) != 0) {
            check_sample(line);
            check_family(line, typed[type_count - 1], type);
            continue;
        }
        assert_in_range(type_count, 0, 127);
        sscanf(line + 7, "%95s %15s", typed[type_count], type); /* a metric is introduced once */
        for (int i = 0; i < type_count; i++)
            if (strcmp(typed[i], typed[type_count]) == 0) fail_msg("%s is introduced twice", typed[i]);
        type_count++;
    }
    assert_true(type_count > 10);
    free(text);
}

static void a_page_has(bool open_metrics, const char *line) {
    char *text = page_of(open_metrics);
    if (!strstr(text, line)) fail_msg("no '%s' in %s", line, text);
    free(text);
}

static void units_are_base_units_and_bounds_have_one_text_for_ever(void **state) {
    (void)state;
    for (int open_metrics = 0; open_metrics < 2; open_metrics++) {
        a_page_has(open_metrics, "\nbatchtune_sla_p95_seconds{model=\"hrnet\"} 0.2505\n");
        a_page_has(open_metrics, "\nbatchtune_headroom_ratio{model=\"hrnet\"} -0.5\n");
        a_page_has(open_metrics, "\nbatchtune_latency_seconds{model=\"hrnet\",quantile=\"0.95\"} 0.0305\n");
        a_page_has(open_metrics, "\nbatchtune_latency_seconds{model=\"hrnet\",quantile=\"0.99\"} NaN\n");
        a_page_has(open_metrics, "\nbatchtune_latency_seconds_sum{model=\"hrnet\"} 3\n");
        a_page_has(open_metrics, "\nbatchtune_latency_seconds_count{model=\"hrnet\"} 9\n");
        a_page_has(open_metrics,
                   "\nbatchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"0.002\"} 5\n");
        a_page_has(open_metrics, "\nbatchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"60.0\"} 9\n"
                                 "batchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"+Inf\"} 9\n"
                                 "batchtune_request_latency_seconds_sum{model=\"hrnet\"} 3\n"
                                 "batchtune_request_latency_seconds_count{model=\"hrnet\"} 9\n");
        a_page_has(open_metrics, "\nbatchtune_batch_size_bucket{model=\"hrnet\",le=\"3.0\"} 0\n"
                                 "batchtune_batch_size_bucket{model=\"hrnet\",le=\"4.0\"} 7\n");
        a_page_has(open_metrics, "\nbatchtune_batch_size_sum{model=\"hrnet\"} 28\n"
                                 "batchtune_batch_size_count{model=\"hrnet\"} 7\n");
        a_page_has(open_metrics, "\nbatchtune_throughput_images_per_second{model=\"hrnet\"} +Inf\n");
        a_page_has(open_metrics, "{model=\"ev\\\"il\\\\\\n?{model},le=\\\"1\\\" é\"");
        a_page_has(open_metrics, "{model=\"cut ?\"");
    }
}

/* A counter's samples are called alike in both; its family, units and the end are not. */
static void open_metrics_differs_where_it_must(void **state) {
    (void)state;
    a_page_has(false, "\n# TYPE batchtune_submitted_total counter\nbatchtune_submitted_total{");
    a_page_has(true, "\n# TYPE batchtune_submitted counter\nbatchtune_submitted_total{");
    a_page_has(false, "\n# TYPE batchtune_build_info gauge\nbatchtune_build_info{version=");
    a_page_has(true, "\n# TYPE batchtune_build info\nbatchtune_build_info{version=");
    a_page_has(true, "\n# UNIT batchtune_latency_seconds seconds\n");
    char *text = page_of(true), *older = page_of(false);
    assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
    assert_null(strstr(older, "# UNIT"));
    assert_null(strstr(older, "EOF"));
    free(text);
    free(older);
}

/* A sum over models would be unknown with it. */
static void what_is_not_known_is_left_out(void **state) {
    (void)state;
    char *text = some_page();
    assert_null(strstr(text, "batchtune_batch_size_mean{model=\"hrnet\"}"));
    assert_null(strstr(text, "batchtune_device_memory_used_bytes{"));
    free(text);
}

static void a_devices_memory_is_told_once(void **state) {
    (void)state;
    static bt_metrics metrics[2];
    static bt_metrics_totals totals[2];
    bt_exposition page;
    bt_error error;
    char *text;
    for (int m = 0; m < 2; m++) {
        metrics[m] = some_metrics(m == 0 ? "hrnet" : "cbam_resunet");
        metrics[m].instance_count = 2;
        for (int i = 0; i < 2; i++)
            metrics[m].instances[i] = (bt_metrics_instance){
                .device = "cuda:0", .device_memory_bytes = 3000, .device_memory_total_bytes = 4000};
    }
    assert_int_equal(bt_exposition_open(&page, false, &error), BT_OK);
    bt_metrics_expose(&page, metrics, totals, 2);
    assert_int_equal(bt_exposition_close(&page, &text, &error), BT_OK);
    const char *line = strstr(text, "\nbatchtune_device_memory_used_bytes{device=\"cuda:0\"} 3000\n# ");
    assert_non_null(line);
    assert_non_null(strstr(line, "\nbatchtune_device_memory_limit_bytes{device=\"cuda:0\"} 4000\n# "));
    assert_non_null(strstr(text, "{model=\"hrnet\",model_instance=\"1\",device=\"cuda:0\"}"));
    free(text);
}

static void promtool_finds_nothing_to_say(void **state) {
    (void)state;
    if (system("command -v promtool >/dev/null") != 0) {
        print_message("promtool (Debian's prometheus) is not installed\n");
        skip();
    }
    char *text = some_page();
    FILE *promtool = popen("promtool check metrics 2>&1", "w");
    assert_non_null(promtool);
    fputs(text, promtool);
    free(text);
    assert_int_equal(pclose(promtool), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_of_what_was_answered),
        cmocka_unit_test(the_window_forgets_and_the_start_does_not),
        cmocka_unit_test(demand_counts_losses_too),
        cmocka_unit_test(answers_within_the_promise_are_counted),
        cmocka_unit_test(runs_make_batches_and_utilisation),
        cmocka_unit_test(absurd_windows_are_refused),
        cmocka_unit_test(what_grows_is_kept_since_the_start_and_counted_by_fixed_bounds),
        cmocka_unit_test(bounds_ascend_and_are_written_as_what_they_are),
        cmocka_unit_test(json_has_the_keys_that_people_ask_for_and_null_for_unknown),
        cmocka_unit_test(prometheus_can_read_it_whatever_a_model_is_called),
        cmocka_unit_test(units_are_base_units_and_bounds_have_one_text_for_ever),
        cmocka_unit_test(open_metrics_differs_where_it_must),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(a_devices_memory_is_told_once),
        cmocka_unit_test(promtool_finds_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
