/* What a service wrote of itself reads back, in both forms; what is no metrics is refused by its place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serving/metrics-read.h"
#include "serving/metrics.h"

static bt_metrics some_metrics(const char *model) {
    bt_metrics m;
    memset(&m, 0, sizeof m);
    snprintf(m.model, sizeof m.model, "%s", model);
    m.latency = (bt_metrics_latency){10, 20, 19, 30.5, NAN, 40};
    m.latency_since_start = m.preprocess = m.service = (bt_metrics_latency){10, 2, 1, 3, 4, 5};
    m.queue = (bt_metrics_latency){10, 7, 6.5, 9, 9.5, 11};
    m.ok = 123456789012345;
    m.rejected_full = 3;
    m.run_timeouts = 2;
    m.batch_size = 8;
    m.mean_batch_size = 3.5;
    m.utilisation = 0.25;
    m.instance_count = 2;
    snprintf(m.instances[1].device, sizeof m.instances[1].device, "cuda:1");
    m.instances[1].utilisation = 0.5;
    m.batches[3] = 7;
    m.p95_sla_ms = 250.5;
    m.meets_sla = true;
    m.throughput_imgs_per_sec = INFINITY;
    return m;
}

/* What both forms tell. */
static void expect_same(const bt_metrics *read, const bt_metrics *written) {
    assert_string_equal(read->model, written->model);
    assert_true(read->ok == written->ok && read->rejected_full == 3 && read->run_timeouts == 2);
    assert_int_equal(read->rejected_deadline, 0);
    assert_int_equal(read->batch_size, 8);
    assert_true(read->mean_batch_size == 3.5 && read->utilisation == 0.25);
    assert_true(read->p95_sla_ms == 250.5 && read->meets_sla);
    assert_int_equal(read->batches[3], 7);
    assert_int_equal(read->instance_count, 2);
    assert_true(read->instances[1].utilisation == 0.5);
    assert_true(fabs(read->queue.p95 - 9) < 1e-9 && fabs(read->latency.p95 - 30.5) < 1e-9);
    assert_true(isnan(read->latency.p99));
}

static void json_reads_back(void **state) {
    (void)state;
    const bt_metrics metrics[] = {some_metrics("hrnet"), some_metrics("é")};
    bt_metrics *read;
    char *text;
    json_t *top;
    int count;
    bt_error error;
    assert_int_equal(bt_metrics_json(&text, metrics, 2, &error), BT_OK);
    assert_int_equal(bt_json_from_text(&top, text, strlen(text), "m.json", &error), BT_OK);
    assert_true(bt_metrics_is_json(top));
    assert_int_equal(bt_metrics_from_json(&read, &count, top, "m.json", &error), BT_OK);
    assert_int_equal(count, 2);
    expect_same(&read[0], &metrics[0]);
    expect_same(&read[1], &metrics[1]);
    assert_true(read[0].queue.mean == 7); /* of the window */
    free(read);
    json_decref(top);
    free(text);
}

static void reads_back(bool open_metrics) {
    const bt_metrics metrics[] = {some_metrics("hrnet"), some_metrics("ev\"il\\n\n{model},le=\"1\" é")};
    static bt_metrics_totals totals[2];
    bt_exposition page;
    totals[0].answered = 4;
    totals[0].sum_ns[BT_QUANTITY_LATENCY] = 100000000;
    totals[0].sum_ns[BT_QUANTITY_QUEUE] = 20000000;
    bt_metrics *read;
    char *text;
    int count;
    bt_error error;
    assert_int_equal(bt_exposition_open(&page, open_metrics, &error), BT_OK);
    bt_metrics_expose(&page, metrics, totals, 2);
    assert_int_equal(bt_exposition_close(&page, &text, &error), BT_OK);
    assert_int_equal(bt_metrics_from_prometheus(&read, &count, text, "page", &error), BT_OK);
    assert_int_equal(count, 2);
    expect_same(&read[0], &metrics[0]);
    expect_same(&read[1], &metrics[1]);
    assert_true(fabs(read[0].latency.mean - 25) < 1e-9 &&
                fabs(read[0].queue.mean - 5) < 1e-9); /* since the start */
    assert_true(isnan(read[1].queue.mean));           /* nothing was answered */
    free(read);
    free(text);
}

static void both_formats_of_prometheus_read_back(void **state) {
    (void)state;
    reads_back(false);
    reads_back(true);
}

static void refuses_page(const char *text, const char *words) {
    bt_metrics *read;
    int count;
    bt_error error;
    assert_int_equal(bt_metrics_from_prometheus(&read, &count, text, "page", &error), BT_PARSE);
    assert_null(read);
    if (!strstr(error.message, words)) fail_msg("%s", error.message);
}

static void what_is_no_page_is_refused_by_its_line(void **state) {
    (void)state;
    refuses_page("", "page: no sample batchtune_");
    refuses_page("# HELP x y\nother_total 5\n", "page: no sample batchtune_");
    refuses_page("batchtune_ok{model=\"a\"} 1\n!\n", "page: line 2: is no sample");
    refuses_page("batchtune_ok{model=\"a} 1\n", "page: line 1: is no sample");
    refuses_page("batchtune_ok{model=\"a\" x} 1\n", "page: line 1: is no sample");
    refuses_page("batchtune_ok{model=\"a\\", "page: line 1: is no sample");
    refuses_page("batchtune_ok{model=\"a\"} one\n", "page: line 1: is no sample");
    refuses_page("batchtune_ok{model=\"a\"} 1x\n", "page: line 1: is no sample");
    refuses_page("batchtune_ok{model=\"a\"}\n1\n", "page: line 1: is no sample");
}

static void other_programs_samples_and_odd_values_are_passed_over(void **state) {
    (void)state;
    bt_metrics *read;
    int count;
    bt_error error;
    const char *page =
        "go_threads 9\r\n\r\n"
        "batchtune_queue_size{model=\"a\",zone=\"x\"} 1e300 1700000000\n"
        "batchtune_requests_total{model=\"a\",outcome=\"ok\"} -5\n"
        "batchtune_batches_total{model=\"a\",size=\"0\"} 1\n"
        "batchtune_batches_total{model=\"a\",size=\"65\"} 1\n"
        "batchtune_batches_total{model=\"a\",size=\"nan\"} 1\n"
        "batchtune_instance_utilisation_ratio{model=\"a\",instance=\"-1\"} 1\n"
        "batchtune_instance_utilisation_ratio{model=\"a\",instance=\"1\"} 0.5\n" /* its label before */
        "batchtune_unheard_of{model=\"a\"} NaN";
    assert_int_equal(bt_metrics_from_prometheus(&read, &count, page, "page", &error), BT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(read[0].queue_size, INT32_MAX);
    assert_int_equal(read[0].ok, 0);
    assert_int_equal(read[0].instance_count, 2);
    assert_true(read[0].instances[1].utilisation == 0.5);
    for (int i = 0; i < BT_METRICS_BATCHES; i++)
        assert_int_equal(read[0].batches[i], 0);
    free(read);
}

static void refuses_json(const char *text, const char *words) {
    bt_metrics *read;
    json_t *top;
    int count;
    bt_error error;
    assert_int_equal(bt_json_from_text(&top, text, strlen(text), "m.json", &error), BT_OK);
    assert_int_equal(bt_metrics_from_json(&read, &count, top, "m.json", &error), BT_PARSE);
    if (!strstr(error.message, words)) fail_msg("%s", error.message);
    json_decref(top);
}

static void json_of_another_shape_is_refused_by_its_key(void **state) {
    (void)state;
    refuses_json("{\"a\": {\"ok\": \"many\"}}", "m.json: ok is no number");
    refuses_json("{\"a\": {\"queue_ms\": 5}}", "m.json: queue_ms is no object");
    refuses_json("{\"a\": {\"queue_ms\": {\"p95\": []}}}", "m.json: p95 is no number");
    refuses_json("{\"a\": {\"ok\": 1}, \"b\": 7}", "m.json: b is no model's metrics");
    json_t *top = json_pack("{s:{s:i}, s:i}", "a", "optimal_batch_size", 4, "b", 1);
    assert_false(bt_metrics_is_json(top));
    json_decref(top);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(both_formats_of_prometheus_read_back),
        cmocka_unit_test(what_is_no_page_is_refused_by_its_line),
        cmocka_unit_test(other_programs_samples_and_odd_values_are_passed_over),
        cmocka_unit_test(json_of_another_shape_is_refused_by_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
