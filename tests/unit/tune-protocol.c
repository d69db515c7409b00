/* What optimize-batch and its worker say to each other comes back as it was said, and what stands in a journal of
 * before is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tune/protocol.h"

static const bt_session_options session = {.backend = "sim:tau0_ms=1",
                                           .model = "mine",
                                           .model_file = "/nets/mine-{batch}.pt2",
                                           .weights = "demo",
                                           .device = "cuda:1",
                                           .path = BT_PATH_PRODUCTION,
                                           .height = 512,
                                           .width = 256,
                                           .threads = 3,
                                           .use_amp = true,
                                           .use_cudnn_benchmark = true,
                                           .precision = BT_PRECISION_INT8,
                                           .calibration = "/runs/one/mine.json"};

static bt_open_order make_order(void) {
    bt_open_order order;
    bt_error error;
    if (bt_open_order_make(&order, &session, 2, &error) != BT_OK) fail_msg("%s", error.message);
    snprintf(order.images, sizeof order.images, "plates");
    order.white = 4095;
    order.page = 7;
    order.min_mask_iou = 0.97;
    order.seed = 9007199254740993; /* one that no double holds */
    return order;
}

static void an_order_comes_back_the_same(void **state) {
    (void)state;
    const bt_open_order order = make_order();
    bt_open_order again = {.path = 0};
    bt_error error;
    json_t *json = bt_open_order_to_json(&order);
    assert_string_equal(bt_order_kind(json), "open");
    if (bt_open_order_from_json(json, &again, &error) != BT_OK) fail_msg("%s", error.message);
    json_decref(json);
    const bt_session_options back = bt_open_order_session(&again);
    assert_string_equal(back.backend, session.backend);
    assert_string_equal(back.model, session.model);
    assert_string_equal(back.model_file, session.model_file);
    assert_string_equal(back.weights, session.weights);
    assert_string_equal(back.device, session.device);
    assert_int_equal(back.path, session.path);
    assert_int_equal(back.height, 512);
    assert_int_equal(back.width, 256);
    assert_int_equal(back.threads, 3);
    assert_true(back.use_amp && !back.use_channels_last && back.use_cudnn_benchmark);
    assert_int_equal(back.precision, BT_PRECISION_INT8);
    assert_string_equal(back.calibration, session.calibration);
    assert_int_equal(again.instances, 2);
    assert_string_equal(again.images, "plates");
    assert_true(again.white == 4095 && again.page == 7 && again.min_mask_iou == 0.97);
    assert_true(again.seed == order.seed);
}

static void a_path_too_long_to_cross_is_refused_before_it_is_sent(void **state) {
    (void)state;
    char path[BT_OPTION_TEXT_SIZE + 1];
    bt_session_options other = session;
    bt_open_order order;
    bt_error error;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    other.model_file = path;
    assert_int_equal(bt_open_order_make(&order, &other, 1, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "mine"));
    other.model_file = NULL; /* none */
    assert_int_equal(bt_open_order_make(&order, &other, 1, &error), BT_OK);
    assert_string_equal(order.model_file, "");
}

static void assert_order_refused(const char *change, const char *key) {
    const bt_open_order order = make_order();
    bt_open_order read;
    bt_error error;
    json_t *json = bt_open_order_to_json(&order), *other = json_loads(change, 0, NULL);
    assert_int_equal(json_object_update(json, other), 0);
    json_decref(other);
    assert_int_equal(bt_open_order_from_json(json, &read, &error), BT_PARSE);
    if (!strstr(error.message, key)) fail_msg("%s: \"%s\" does not name %s", change, error.message, key);
    json_decref(json);
}

static void a_malformed_order_is_refused_by_its_key(void **state) {
    (void)state;
    assert_order_refused("{\"backend\": null}", "backend");
    assert_order_refused("{\"path\": 99}", "path");
    assert_order_refused("{\"height\": 0}", "height");
    assert_order_refused("{\"width\": 16385}", "width");
    assert_order_refused("{\"threads\": -1}", "threads");
    assert_order_refused("{\"instances\": 0}", "instances");
    assert_order_refused("{\"use_amp\": 1}", "use_amp");
    assert_order_refused("{\"white\": -1}", "white");
    assert_order_refused("{\"page\": -1}", "page");
}

/* As 0.1.0 wrote it; the hash is one whose highest bit is set. */
static const char journal_of_before[] =
    "{\"backend\":\"sim\",\"backend_detail\":\"sim:tau0_ms=4\",\"device\":\"simulated\",\"precision\":"
    "\"none\","
    "\"precision_note\":\"\",\"path_note\":\"a note\",\"weights\":\"none\",\"weights_hash\":-2,\"threads\":1,"
    "\"only_batch_size\":4,\"trained_weights\":false,\"computes_masks\":true,\"device_memory\":true,"
    "\"total_memory_bytes\":17179869184}";

static void facts_of_an_older_journal_are_read(void **state) {
    (void)state;
    bt_worker_facts facts;
    bt_error error;
    json_t *json = json_loads(journal_of_before, 0, NULL);
    if (bt_worker_facts_from_json(json, &facts, &error) != BT_OK) fail_msg("%s", error.message);
    json_decref(json);
    assert_string_equal(facts.info.backend, "sim");
    assert_string_equal(facts.info.path_note, "a note");
    assert_string_equal(facts.info.weights_note, ""); /* it had none */
    assert_string_equal(facts.info.found_note, "");
    assert_true(facts.info.weights_hash == 0xfffffffffffffffe);
    assert_int_equal(facts.info.only_batch_size, 4);
    assert_true(facts.info.computes_masks && facts.info.device_memory && !facts.info.trained_weights);
    assert_true(facts.total_memory_bytes == (int64_t)1 << 34);
    /* And what is written now is what was written then, but for the keys that came since. */
    json_t *again = bt_worker_facts_to_json(&facts), *before = json_loads(journal_of_before, 0, NULL);
    assert_int_equal(json_object_set_new(before, "weights_note", json_string("")), 0);
    assert_int_equal(json_object_set_new(before, "found_note", json_string("")), 0);
    assert_int_equal(json_object_set_new(before, "classes", json_integer(0)), 0);
    assert_true(json_equal(again, before));
    json_decref(before);
    json_decref(again);
}

static void an_answer_tells_what_was_opened_or_why_not(void **state) {
    (void)state;
    const bt_worker_facts facts = {.info = {.backend = "sim", .threads = 2}, .total_memory_bytes = 5};
    const bt_error why = {BT_UNSUPPORTED, "no such device"};
    bt_worker_facts read;
    bt_error error;
    json_t *opened = bt_opened_answer(&facts), *refused = bt_refused_answer(&why);
    assert_int_equal(bt_opened_from_answer(opened, &read, &error), BT_OK);
    assert_int_equal(read.info.threads, 2);
    assert_int_equal(bt_opened_from_answer(opened, NULL, &error), BT_OK);
    assert_int_equal(bt_opened_from_answer(refused, &read, &error), BT_UNSUPPORTED);
    assert_string_equal(error.message, "no such device");
    json_decref(opened);
    json_decref(refused);
}

static void a_line_is_sent_whole_and_a_closed_socket_is_told(void **state) {
    (void)state;
    int ends[2];
    char got[64] = "";
    bt_error error;
    const bt_step step = {BT_STEP_MEASURE, 4, 5};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(bt_line_send(ends[0], json_pack("{s:i}", "a", 1), &error), BT_OK);
    assert_int_equal(read(ends[1], got, sizeof got - 1), 8);
    assert_string_equal(got, "{\"a\":1}\n");
    close(ends[1]);
    assert_int_equal(bt_line_send(ends[0], bt_step_order_to_json(&step), &error), BT_IO);
    assert_int_equal(bt_line_send(ends[0], NULL, &error), BT_NO_MEMORY);
    close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_comes_back_the_same),
        cmocka_unit_test(a_path_too_long_to_cross_is_refused_before_it_is_sent),
        cmocka_unit_test(a_malformed_order_is_refused_by_its_key),
        cmocka_unit_test(facts_of_an_older_journal_are_read),
        cmocka_unit_test(an_answer_tells_what_was_opened_or_why_not),
        cmocka_unit_test(a_line_is_sent_whole_and_a_closed_socket_is_told),
    };
    return cmocka_run_group_tests_name("tune: the worker's protocol", tests, NULL, NULL);
}
