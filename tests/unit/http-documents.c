/* What the server tells of itself and its models is what the protocol's clients look for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "expect.h"
#include "http/documents.h"

static const bt_model_facts facts[] = {{.name = "hrnet",
                                        .input_height = 128,
                                        .input_width = 256,
                                        .batch_size = 12,
                                        .instance_count = 2,
                                        .max_queue_delay_ms = 2.5,
                                        .p95_sla_ms = 250,
                                        .policy = "adaptive",
                                        .precision = "fp32"},
                                       {.name = "cbam_resunet"}};

static void is_text(char *text, const char *wanted) {
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static json_t *read_text(char *text) {
    json_error_t at;
    assert_non_null(text);
    json_t *top = bt_json_parse(text, strlen(text), &at);
    assert_non_null(top);
    free(text);
    return top;
}

/* Whatever a client put into a message. */
static void errors_are_json(void **state) {
    (void)state;
    is_text(bt_http_error_text("no \"x\""), "{\"error\":\"no \\\"x\\\"\"}");
    is_text(bt_http_error_text("\xFF"), "{\"error\":\"?\"}");
}

static void the_server_names_its_extensions(void **state) {
    (void)state;
    json_t *top = read_text(bt_http_server_text());
    assert_string_equal(json_string_value(json_object_get(top, "name")), "batchtune");
    assert_string_equal(json_string_value(json_object_get(top, "version")), bt_version());
    assert_int_equal(json_array_size(json_object_get(top, "extensions")), 3);
    json_decref(top);
}

#define OUTPUTS                                                                                              \
    "{\"name\":\"mask\",\"datatype\":\"UINT8\",\"shape\":[-1,-1,-1]},"                                       \
    "{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[-1,-1,-1]}"
#define LOGITS "{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[-1,1,128,256]}"
#define ALTERNATIVES                                                                                         \
    "\"parameters\":{\"input_alternatives\":["                                                               \
    "{\"name\":\"image\",\"datatype\":\"FP32\",\"shape\":[-1,3,128,256]},"                                   \
    "{\"name\":\"image\",\"datatype\":\"FP16\",\"shape\":[-1,3,128,256]},"                                   \
    "{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[-1,1]}]}"
#define HEAD                                                                                                 \
    "{\"name\":\"hrnet\",\"versions\":[\"1\"],\"platform\":\"batchtune\",\"inputs\":[{\"name\":\"image\","   \
    "\"datatype\":\"UINT8\",\"shape\":[-1,-1,-1,3]}],\"outputs\":["

static void shapes_begin_with_the_batch(void **state) {
    (void)state;
    is_text(bt_http_model_text(facts, false, NULL), HEAD OUTPUTS "," LOGITS "]," ALTERNATIVES "}");
    is_text(bt_http_model_text(facts, true, NULL), HEAD OUTPUTS
            ",{\"name\":\"polygons\",\"datatype\":\"BYTES\",\"shape\":[-1,1]}," LOGITS "]," ALTERNATIVES "}");
}

static void a_configuration_leaves_the_batch_out(void **state) {
    (void)state;
    char *text = bt_http_config_text(facts, true, NULL);
    says(text, "\"max_batch_size\":12,\"input\":[{\"name\":\"image\",\"data_type\":\"TYPE_UINT8\",\"dims\":[-"
               "1,-1,3]}]");
    says(text, "{\"name\":\"mask\",\"data_type\":\"TYPE_UINT8\",\"dims\":[-1,-1]}");
    says(text, "{\"name\":\"polygons\",\"data_type\":\"TYPE_STRING\",\"dims\":[1]}");
    says(text,
         "\"dynamic_batching\":{\"max_queue_delay_microseconds\":2500},\"instance_group\":[{\"count\":2}]");
    says(text, "{\"name\":\"logits\",\"data_type\":\"TYPE_FP32\",\"dims\":[1,128,256]}");
    says(text,
         "{\"input_alternatives\":{\"string_value\":\"FP32 [3,128,256], FP16 [3,128,256], BYTES [1]\"}");
    says(text, "\"input_size\":{\"string_value\":\"256x128\"},\"p95_sla_ms\":{\"string_value\":\"250\"}");
    free(text);
}

/* With what they are called, and how they are drawn. */
static void classes_are_told(void **state) {
    (void)state;
    static const bt_http_classes classes = {
        .list = {.count = 2, .of = {{"ground", {0, 0, 0}, true}, {"a \"cell\"", {230, 159, 0}, false}}},
        .shares = {NAN, NAN}};
    bt_model_facts of_two = facts[0];
    of_two.class_count = 2;
    char *text = bt_http_model_text(&of_two, false, &classes);
    says(text, OUTPUTS
         ",{\"name\":\"labels\",\"datatype\":\"UINT8\",\"shape\":[-1,-1,-1]},"
         "{\"name\":\"class_probabilities\",\"datatype\":\"FP32\",\"shape\":[-1,2,-1,-1]}," LOGITS "]");
    says(text,
         "\"classes\":[{\"name\":\"ground\",\"color\":\"#000000\"},{\"name\":\"a \\\"cell\\\"\",\"color\":"
         "\"#e69f00\"}]}}");
    free(text);
    json_t *top = read_text(bt_http_config_text(&of_two, false, &classes)); /* where parameters are texts */
    const json_t *parameter = json_object_get(json_object_get(top, "parameters"), "classes");
    json_t *list = read_text(strdup(json_string_value(json_object_get(parameter, "string_value"))));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "name")), "a \"cell\"");
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    json_decref(top);
}

/* perf_analyzer divides by the counts, which have to be equal. */
static void statistics_count_alike(void **state) {
    (void)state;
    static bt_metrics metrics[1];
    static bt_metrics_totals totals[1];
    static const char *const parts[] = {"success", "queue", "compute_input", "compute_infer",
                                        "compute_output"};
    static const int64_t ns[] = {100, 20, 3, 70, 0};
    strcpy(metrics[0].model, "hrnet");
    metrics[0].batches[0] = 2;
    metrics[0].batches[3] = 1;
    metrics[0].failed = 2;
    metrics[0].rejected_full = 5;
    metrics[0].standard_runs = 2;
    totals[0] = (bt_metrics_totals){.answered = 8,
                                    .sum_ns = {[BT_QUANTITY_LATENCY] = 100,
                                               [BT_QUANTITY_QUEUE] = 20,
                                               [BT_QUANTITY_PREPROCESS] = 3,
                                               [BT_QUANTITY_SERVICE] = 70}};
    json_t *top = read_text(bt_http_stats_text(metrics, totals, 1));
    const json_t *model = json_array_get(json_object_get(top, "model_stats"), 0);
    assert_int_equal(json_integer_value(json_object_get(model, "inference_count")), 8);
    assert_int_equal(json_integer_value(json_object_get(model, "execution_count")), 5);
    const json_t *stats = json_object_get(model, "inference_stats");
    for (size_t i = 0; i < 5; i++) {
        const json_t *part = json_object_get(stats, parts[i]);
        assert_int_equal(json_integer_value(json_object_get(part, "count")), 8);
        assert_int_equal(json_integer_value(json_object_get(part, "ns")), ns[i]);
    }
    assert_int_equal(json_integer_value(json_object_get(json_object_get(stats, "fail"), "count")), 7);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(stats, "cache_hit"), "count")), 0);
    const json_t *batches = json_object_get(model, "batch_stats");
    assert_int_equal(json_array_size(batches), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(batches, 0), "count")),
                     4); /* 2 of them standard */
    assert_int_equal(json_integer_value(json_object_get(json_array_get(batches, 1), "batch_size")), 4);
    json_decref(top);
}

static void the_index_tells_readiness(void **state) {
    (void)state;
    is_text(bt_http_index_text(facts, 2, NULL),
            "[{\"name\":\"hrnet\",\"version\":\"1\",\"state\":\"READY\",\"reason\":\"\"},"
            "{\"name\":\"cbam_resunet\",\"version\":\"1\",\"state\":\"READY\",\"reason\":\"\"}]");
    is_text(bt_http_index_text(facts, 1, "loading"),
            "[{\"name\":\"hrnet\",\"version\":\"1\",\"state\":\"UNAVAILABLE\",\"reason\":\"loading\"}]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_json),
        cmocka_unit_test(the_server_names_its_extensions),
        cmocka_unit_test(shapes_begin_with_the_batch),
        cmocka_unit_test(a_configuration_leaves_the_batch_out),
        cmocka_unit_test(classes_are_told),
        cmocka_unit_test(statistics_count_alike),
        cmocka_unit_test(the_index_tells_readiness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
