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
    const bt_meter_answer a = {MS(latency_ms), MS(latency_ms) / 2, 0, MS(latency_ms) / 2};
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

static void runs_make_batches_and_utilisation(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    bt_metrics m;
    memset(&m, 0, sizeof m);
    m.instance_count = 1;
    for (int i = 0; i < 10; i++)
        bt_meter_ran(meter, S(i + 1), 0, MS(250), i < 5 ? 4 : 1);
    bt_meter_ran(meter, S(10), 0, MS(0), 0); /* failed: not a batch that was served */
    bt_meter_read(meter, S(10), &m);
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
    const double sla_ms[] = {40, 210.3, NAN, 0, 40, 1e300};
    const bt_metrics_bounds bounds = bt_metrics_bounds_of(sla_ms, 6);
    bt_meter *meter = meter_of_a_minute();
    bt_metrics_totals totals;
    bt_meter_totals(meter, &bounds, &totals);
    for (int b = 0; b < bounds.count; b++)
        assert_int_equal(totals.within[b], 0);
    for (int i = 0; i < 10; i++)
        answer(meter, S(i), i < 4 ? 10 : i < 9 ? 40 : 7200000); /* the last of two hours: beyond all bounds */
    bt_meter_totals(meter, &bounds, &totals);
    assert_int_equal(totals.answered, 10);
    assert_true(totals.latency_ns == MS(4 * 10 + 5 * 40 + 7200000));
    assert_true(totals.queue_ns == totals.latency_ns / 2 && totals.service_ns == totals.latency_ns / 2);
    assert_int_equal(totals.preprocess_ns, 0);
    int slas = 0;
    for (int b = 0; b < bounds.count; b++) {
        const int64_t us = bounds.us[b];
        assert_true(b == 0 || us > bounds.us[b - 1]);
        assert_int_equal(totals.within[b], us < 10000 ? 0 : us < 40000 ? 4 : 9);
        slas += us == 40000 || us == 210300;
    }
    assert_int_equal(slas, 2); /* the promises are bounds, each once; what is none is none */
    assert_int_equal(bt_metrics_bounds_of(NULL, 0).count, bounds.count - 2);
    bt_meter_close(&meter);
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
    m.mean_batch_size = NAN;
    m.batches[3] = 7;
    m.p95_sla_ms = 250.5;
    m.throughput_imgs_per_sec = INFINITY;
    return m;
}

/* A page of two models, one with a hostile name and one that nobody has asked for anything yet. */
static char *some_page(void) {
    bt_metrics metrics[3] = {some_metrics("hrnet"), some_metrics("ev\"il\\\n\r{model},le=\"1\" é")};
    snprintf(metrics[2].model, sizeof metrics[2].model, "cut \xC3"); /* in the middle of a letter */
    const bt_metrics_bounds bounds = bt_metrics_bounds_of((const double[]){250.5, 100}, 2);
    bt_metrics_totals totals[3] = {{.answered = 9, .latency_ns = S(3)}, {.answered = 1}, {0}};
    for (int b = 0; b < bounds.count; b++)
        totals[0].within[b] = (uint64_t)b < 9 ? (uint64_t)b : 9;
    char *text;
    bt_error error;
    assert_int_equal(bt_metrics_prometheus(&text, metrics, totals, 3, &bounds, &error), BT_OK);
    return text;
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

static void a_page_has(const char *line) {
    char *text = some_page();
    if (!strstr(text, line)) fail_msg("no '%s' in %s", line, text);
    free(text);
}

static void units_are_base_units_and_bounds_have_one_text_for_ever(void **state) {
    (void)state;
    a_page_has("\nbatchtune_sla_p95_seconds{model=\"hrnet\"} 0.2505\n");
    a_page_has("\nbatchtune_latency_seconds{model=\"hrnet\",quantile=\"0.95\"} 0.0305\n");
    a_page_has("\nbatchtune_latency_seconds{model=\"hrnet\",quantile=\"0.99\"} NaN\n");
    a_page_has("\nbatchtune_latency_seconds_sum{model=\"hrnet\"} 3\n");
    a_page_has("\nbatchtune_latency_seconds_count{model=\"hrnet\"} 9\n");
    a_page_has("\nbatchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"0.0075\"} 4\n");
    a_page_has("\nbatchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"0.2505\"} 9\n");
    a_page_has("\nbatchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"60\"} 9\n"
               "batchtune_request_latency_seconds_bucket{model=\"hrnet\",le=\"+Inf\"} 9\n"
               "batchtune_request_latency_seconds_sum{model=\"hrnet\"} 3\n"
               "batchtune_request_latency_seconds_count{model=\"hrnet\"} 9\n");
    a_page_has("\nbatchtune_throughput_images_per_second{model=\"hrnet\"} +Inf\n");
    a_page_has("{model=\"ev\\\"il\\\\\\n?{model},le=\\\"1\\\" é\"");
    a_page_has("{model=\"cut ?\"");
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
        cmocka_unit_test(runs_make_batches_and_utilisation),
        cmocka_unit_test(absurd_windows_are_refused),
        cmocka_unit_test(what_grows_is_kept_since_the_start_and_counted_by_fixed_bounds),
        cmocka_unit_test(json_has_the_keys_that_people_ask_for_and_null_for_unknown),
        cmocka_unit_test(prometheus_can_read_it_whatever_a_model_is_called),
        cmocka_unit_test(units_are_base_units_and_bounds_have_one_text_for_ever),
        cmocka_unit_test(promtool_finds_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
