/* What servers of the Open Inference Protocol say of themselves is read as they write it; what is no such thing is
 * refused in one line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/endpoints.h"
#include "client/remote-model.h"
#include "expect.h"

#define WHERE "http://here/v2"

/* ---- addresses ---- */

static void addresses_are_read(void **state) {
    (void)state;
    bt_endpoints endpoints;
    bt_error error;
    must(bt_endpoints_read(&endpoints, "http://a:8000,https://b.example/triton/", &error), &error);
    assert_int_equal(endpoints.count, 2);
    assert_string_equal(endpoints.urls[0], "http://a:8000");
    assert_string_equal(endpoints.urls[1], "https://b.example/triton");
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"localhost:8000", "http://",     "http://:8000",
                                        "ftp://a",        "http://a,",   "http://me:secret@a",
                                        "http://a b",     "http://a?x=1"};
    bt_endpoints endpoints;
    bt_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(bt_endpoints_read(&endpoints, wrong[i], &error), BT_INVALID);
        says(error.message, "is no address such as http://host:8000");
    }
}

static void a_models_name_is_escaped(void **state) {
    (void)state;
    char url[BT_ENDPOINT_PATH_SIZE];
    bt_error error;
    must(bt_endpoint_of_model(url, "http://a", "my net/2", "/infer", &error), &error);
    assert_string_equal(url, "http://a/v2/models/my%20net%2F2/infer");
}

static void the_fewest_under_way_are_chosen_and_equals_take_turns(void **state) {
    (void)state;
    const int idle[3] = {0, 0, 0}, busy[3] = {4, 1, 2};
    int turn = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(bt_endpoints_choose(idle, 3, &turn), i % 3);
    assert_int_equal(bt_endpoints_choose(busy, 3, &turn), 1);
    assert_int_equal(bt_endpoints_choose(idle, 3, &turn), 2); /* behind the one that was chosen */
}

/* ---- a model ---- */

static bt_status read(bt_remote_model *out, const char *text, bt_error *error) {
    return bt_remote_model_read(out, text, strlen(text), WHERE, error);
}

#define MODEL(inputs, outputs) "{\"name\": \"net\", \"inputs\": [" inputs "], \"outputs\": [" outputs "]}"
#define TENSOR(name, datatype, shape)                                                                        \
    "{\"name\": \"" name "\", \"datatype\": \"" datatype "\", \"shape\": [" shape "]}"
#define MASK TENSOR("mask", "UINT8", "-1,-1,-1")

static void pictures_as_they_are(void **state) {
    (void)state;
    bt_remote_model model;
    bt_error error;
    must(read(&model, MODEL(TENSOR("image", "UINT8", "-1,-1,-1,3"), MASK), &error), &error);
    assert_string_equal(model.input, "image");
    assert_string_equal(model.map, "mask");
    assert_true(model.pixels == BT_REMOTE_UINT8 && model.batched && !model.channels_first);
    assert_int_equal(model.height, 0);
}

#define LABELS       TENSOR("labels", "UINT8", "-1,-1,-1")
#define PLANES(dims) TENSOR("class_probabilities", "FP32", dims)

/* Where a model tells several apart; of how many, its planes tell. */
static void labels_go_before_the_mask(void **state) {
    (void)state;
    bt_remote_model model, other;
    bt_error error;
    must(read(&model, MODEL(TENSOR("image", "UINT8", "-1,-1,-1,3"), MASK "," LABELS "," PLANES("-1,5,-1,-1")),
              &error),
         &error);
    assert_string_equal(model.map, "labels");
    assert_int_equal(model.classes, 5);
    must(read(&other, MODEL(TENSOR("image", "UINT8", "-1,-1,-1,3"), LABELS "," MASK), &error), &error);
    assert_string_equal(other.map, "labels");
    assert_int_equal(other.classes, 256);
    assert_false(bt_remote_model_alike(&model, &other));
    must(read(&model,
              MODEL(TENSOR("image", "UINT8", "-1,-1,-1,3"), TENSOR("labels", "UINT8", "-1,10") "," MASK),
              &error),
         &error);
    assert_string_equal(model.map, "mask"); /* labels of no picture */
    assert_int_equal(model.classes, 0);
}

static void normalised_pictures_of_one_size(void **state) {
    (void)state;
    bt_remote_model model;
    bt_error error;
    must(
        read(&model, MODEL(TENSOR("x", "FP32", "-1,3,480,640"), TENSOR("y", "FP32", "-1,1,480,640")), &error),
        &error);
    assert_true(model.pixels == BT_REMOTE_FP32 && model.batched && model.channels_first);
    assert_int_equal(model.height, 480);
    assert_int_equal(model.width, 640);
    assert_string_equal(model.map, ""); /* all outputs are asked for */
    must(read(&model, MODEL(TENSOR("x", "FP32", "3,480,640"), ""), &error), &error);
    assert_false(model.batched);
}

static void what_takes_no_picture_is_told(void **state) {
    (void)state;
    static const refusal wrong[] = {
        {MODEL(TENSOR("x", "INT64", "-1,3,4,4"), ""),
         "input \"x\" is \"INT64\": pictures are sent as UINT8 or FP32"},
        {MODEL(TENSOR("x", "FP32", "-1,16"), ""), "has no picture's shape"},
        {MODEL(TENSOR("x", "FP32", "-1,4,8,8"), ""), "has no picture's shape"},
        {MODEL(TENSOR("x", "FP32", "-1,3,-2,8"), ""), "has no picture's shape"},
        {MODEL(TENSOR("x", "FP32", "-1,3,4,4") "," TENSOR("z", "FP32", "1"), ""), "the model has 2 inputs"},
        {MODEL("", ""), "the model has 0 inputs"},
        {"{\"inputs\": []}", "name is missing"},
        {"no", WHERE},
    };
    bt_remote_model model;
    bt_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(read(&model, wrong[i].given, &error), BT_OK);
        refused_saying(&wrong[i], error.message);
    }
}

/* Its configuration adds what there is, and spoils nothing where there is none. */
static void a_configuration_adds_to_it(void **state) {
    (void)state;
    static const char own[] =
        "{\"max_batch_size\": 8, \"instance_group\": [{\"count\": 2}, {\"count\": 1}], "
        "\"dynamic_batching\": {\"max_queue_delay_microseconds\": 2500}, \"parameters\": "
        "{\"input_size\": {\"string_value\": \"640x480\"}, \"p95_sla_ms\": {\"string_value\": "
        "\"82.5\"}}}";
    bt_remote_model model;
    bt_error error;
    must(read(&model, MODEL(TENSOR("image", "UINT8", "-1,-1,-1,3"), MASK), &error), &error);
    bt_remote_model_read_config(&model, "nothing", 7);
    assert_int_equal(model.max_batch_size, 0);
    assert_true(isnan(model.p95_sla_ms) && isnan(model.max_queue_delay_ms));
    bt_remote_model_read_config(&model, own, sizeof own - 1);
    assert_int_equal(model.max_batch_size, 8);
    assert_int_equal(model.instances, 3);
    assert_int_equal(model.own_height, 480);
    assert_int_equal(model.own_width, 640);
    assert_true(model.max_queue_delay_ms == 2.5 && model.p95_sla_ms == 82.5);
    bt_remote_model_read_config(&model, "{\"max_batch_size\": 0}", 21);
    assert_int_equal(model.max_batch_size, 1);
}

static void servers_are_alike_where_a_request_fits_both(void **state) {
    (void)state;
    bt_remote_model a, b;
    bt_error error;
    must(read(&a, MODEL(TENSOR("x", "FP32", "-1,3,4,4"), MASK), &error), &error);
    b = a;
    assert_true(bt_remote_model_alike(&a, &b));
    b.width = 5;
    assert_false(bt_remote_model_alike(&a, &b));
}

/* ---- the rest ---- */

static void the_repository_names_what_is_ready(void **state) {
    (void)state;
    static const char text[] =
        "[{\"name\": \"a\", \"version\": \"1\", \"state\": \"READY\"}, {\"name\": \"a\", "
        "\"version\": \"2\", \"state\": \"READY\"}, {\"name\": \"b\", \"state\": \"UNAVAILABLE\"}, "
        "{\"name\": \"c\"}]";
    bt_names names;
    bt_error error;
    must(bt_remote_index_read(&names, text, sizeof text - 1, WHERE, &error), &error);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.names[1], "c");
    assert_int_equal(bt_remote_index_read(&names, "{}", 2, WHERE, &error), BT_PARSE);
    says(error.message, "no list of models");
}

#define TIMES(count, ns) "{\"count\": " count ", \"ns\": " ns "}"
#define STATS(count, queue)                                                                                  \
    "{\"model_stats\": [{\"name\": \"net\", \"inference_count\": 40, \"execution_count\": 10, "              \
    "\"inference_stats\": {\"success\": " TIMES(count, "9000") ", \"fail\": " TIMES(                         \
        "2", "0") ", \"queue\": " TIMES(count, queue) ", \"compute_infer\": " TIMES(count, "5000") "}}]}"

static void statistics_are_what_was_counted_meanwhile(void **state) {
    (void)state;
    bt_remote_stats before, after;
    bt_error error;
    must(bt_remote_stats_read(&before, STATS("30", "1000"), strlen(STATS("30", "1000")), WHERE, &error),
         &error);
    must(bt_remote_stats_read(&after, STATS("40", "3500"), strlen(STATS("40", "3500")), WHERE, &error),
         &error);
    bt_remote_stats_add(&after, &before, -1);
    assert_int_equal(after.requests, 10);
    assert_int_equal(after.queue_ns, 2500);
    assert_int_equal(after.infer_ns, 0);
    assert_int_equal(after.executions, 0);
    assert_int_equal(after.untold, BT_REMOTE_NO_INPUT | BT_REMOTE_NO_OUTPUT);
    assert_int_equal(bt_remote_stats_read(&before, "{}", 2, WHERE, &error), BT_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_models_name_is_escaped),
        cmocka_unit_test(the_fewest_under_way_are_chosen_and_equals_take_turns),
        cmocka_unit_test(pictures_as_they_are),
        cmocka_unit_test(labels_go_before_the_mask),
        cmocka_unit_test(normalised_pictures_of_one_size),
        cmocka_unit_test(what_takes_no_picture_is_told),
        cmocka_unit_test(a_configuration_adds_to_it),
        cmocka_unit_test(servers_are_alike_where_a_request_fits_both),
        cmocka_unit_test(the_repository_names_what_is_ready),
        cmocka_unit_test(statistics_are_what_was_counted_meanwhile),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
