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

/* Histograms hold values to about 1 %. */
static void assert_near(double value, double wanted) {
    if (!(fabs(value - wanted) <= 0.011 * wanted)) fail_msg("%g, wanted %g", value, wanted);
}

static void percentiles_are_of_what_was_answered(void **state) {
    (void)state;
    bt_meter *meter = meter_of_a_minute();
    bt_metrics m;
    for (int i = 1; i <= 100; i++)
        answer(meter, MS(10 * i), i);
    memset(&m, 0, sizeof m);
    bt_meter_read(meter, S(10), &m);
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
    bt_metrics m;
    for (int i = 0; i < 50; i++)
        answer(meter, MS(100 * i), 400);
    for (int i = 0; i < 50; i++)
        answer(meter, S(100) + MS(100 * i), 40);
    memset(&m, 0, sizeof m);
    bt_meter_read(meter, S(110), &m);
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
    return m;
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
    (void)strtod(at, &end);
    if (end == at || *end) fail_msg("'%s' is no value: %s", at, line);
}

static void prometheus_can_read_it_whatever_a_model_is_called(void **state) {
    (void)state;
    const bt_metrics metrics[] = {some_metrics("hrnet"), some_metrics("ev\"il\\\n{model}")};
    char *text, typed[128][96];
    int type_count = 0;
    bt_error error;
    assert_int_equal(bt_metrics_prometheus(&text, metrics, 2, &error), BT_OK);
    assert_non_null(strstr(text, "123456789012345\n"));
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) continue;
        if (strncmp(line, "# TYPE ", 7) != 0) {
            check_sample(line);
            continue;
        }
        assert_in_range(type_count, 0, 127);
        sscanf(line + 7, "%95s", typed[type_count]); /* a metric is introduced once */
        for (int i = 0; i < type_count; i++)
            if (strcmp(typed[i], typed[type_count]) == 0) fail_msg("%s is introduced twice", typed[i]);
        type_count++;
    }
    assert_true(type_count > 10);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_of_what_was_answered),
        cmocka_unit_test(the_window_forgets_and_the_start_does_not),
        cmocka_unit_test(runs_make_batches_and_utilisation),
        cmocka_unit_test(absurd_windows_are_refused),
        cmocka_unit_test(json_has_the_keys_that_people_ask_for_and_null_for_unknown),
        cmocka_unit_test(prometheus_can_read_it_whatever_a_model_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
