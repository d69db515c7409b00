/* A model is resolved once: what settings say of it becomes a file, a description and weights, and the
 * backend says whether anything will run it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "backend/resolved-model.h"
#include "expect.h"
#include "scratch.h"

static bt_resolved_model resolved(bt_model_request request) {
    bt_resolved_model out;
    bt_error error = {0};
    if (bt_model_resolve(&out, &request, &error) != BT_OK) fail_msg("%s", error.message);
    return out;
}

static void refuse(bt_model_request request, bt_status status, const char *message) {
    bt_resolved_model out;
    bt_error error = {0};
    assert_int_equal(bt_model_resolve(&out, &request, &error), status);
    if (!strstr(error.message, message)) fail_msg("\"%s\" is not in: %s", message, error.message);
}

static void a_network_has_its_title_and_the_weights_that_are_said_of_it(void **state) {
    (void)state;
    static const struct {
        const char *weights, *usual, *wanted;
    } cases[] = {
        {"demo", NULL, "demo"},
        {"counter:7", "entry.pth", "counter:7"},
        {"hrnet=a.pth,cbam_resunet=b.pth:ema", NULL, "a.pth"},
        {"cbam_resunet=b.pth", "entry.pth", "demo"}, /* a setting that names others means the demonstration */
        {"", "entry.pth", "entry.pth"},
        {NULL, "hrnet=odd.pth", "hrnet=odd.pth"}, /* an entry's own file is a path, whatever it looks like */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bt_resolved_model model = resolved((bt_model_request){.name = "hrnet",
                                                                    .backend = "plan",
                                                                    .weights = cases[i].weights,
                                                                    .usual_weights = cases[i].usual});
        assert_int_equal(model.model.kind, BT_MODEL_NETWORK);
        assert_string_equal(model.model.name, "hrnet");
        assert_string_equal(model.model.title, "HRNet");
        assert_string_equal(model.weights, cases[i].wanted);
        assert_false(model.simulated);
    }
}

static void a_file_is_the_settings_or_the_usual_one_and_has_weights_of_its_own(void **state) {
    (void)state;
    bt_model_request request = {.name = "mine",
                                .backend = "sim:tau0_ms=1",
                                .model_file = "other=o.pt;mine=given.pt",
                                .weights = "demo",
                                .usual_file = "usual.pt"};
    put("mine.json", "{\"input_size\": 96, \"output\": \"probabilities\"}");
    bt_resolved_model model = resolved(request);
    assert_string_equal(model.model.file, "given.pt");
    assert_string_equal(model.weights, "");
    assert_true(model.simulated); /* so that no file need be there */
    assert_int_equal(model.model.input_size, 96);
    assert_int_equal(model.model.output, BT_OUTPUT_PROBABILITIES);
    request.model_file = "other=o.pt";
    assert_string_equal(resolved(request).model.file, "usual.pt");
    request.backend = "torch";
    refuse(request, BT_INVALID, "there is no such file \"usual.pt\"");
    put("usual.pt", "no archive");
    refuse(request, BT_PARSE, "usual.pt: is no TorchScript file");
}

static void only_the_name_of_a_simulation_may_be_asked_for(void **state) {
    (void)state;
    bt_model_request request = {.name = "mine", .backend = "sim", .only_named_if_simulated = true};
    assert_string_equal(resolved(request).model.title, "mine"); /* though no network is called so */
    put("mine.json", "not JSON");
    request.usual_file = "mine.pt";
    assert_string_equal(resolved(request).model.title, "mine");
    request.name = "cbam_resunet";
    request.usual_file = NULL;
    assert_string_equal(resolved(request).model.title, "CBAM-ResUNet");
    request.name = "mine";
    request.backend = "plan";
    refuse(request, BT_INVALID, "unknown model \"mine\"");
}

static void messages_name_the_setting_that_is_wrong(void **state) {
    (void)state;
    refuse((bt_model_request){.name = "hrnett", .backend = "plan"}, BT_INVALID, "--models: unknown model");
    refuse((bt_model_request){.name = "yours", .backend = "torch", .model_file = "yours=lost.pt"}, BT_INVALID,
           "--model-file: yours: there is no such file");
    refuse((bt_model_request){.name = "mine", .backend = "torch", .model_file = "net.pt"}, BT_INVALID,
           "--model-file: \"net.pt\" names no model");
    refuse((bt_model_request){.name = "hrnet", .backend = "plan", .weights = "hrnet="}, BT_INVALID,
           "--weights: \"hrnet=\" names nothing");
    refuse(
        (bt_model_request){.name = "hrnet", .backend = "plan", .weights = "hrnet=", .label = BT_LABEL_KEYS},
        BT_INVALID, "weights: \"hrnet=\" names nothing");
}

static void weights_that_are_not_there_are_refused_unless_nothing_needs_them(void **state) {
    (void)state;
    bt_error error = {0};
    bt_model_request request = {.name = "hrnet", .backend = "plan", .weights = "lost.pth"};
    bt_resolved_model model = resolved(request);
    assert_int_equal(bt_resolved_model_check_weights(&model, BT_LABEL_FLAGS, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "--weights: weights \"lost.pth\": there is no such file"));
    request.backend = "sim";
    model = resolved(request);
    assert_int_equal(bt_resolved_model_check_weights(&model, BT_LABEL_FLAGS, &error), BT_OK);
    request = (bt_model_request){.name = "hrnet", .backend = "plan", .weights = "demo"};
    model = resolved(request);
    assert_int_equal(bt_resolved_model_check_weights(&model, BT_LABEL_FLAGS, &error), BT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_its_title_and_the_weights_that_are_said_of_it),
        cmocka_unit_test(a_file_is_the_settings_or_the_usual_one_and_has_weights_of_its_own),
        cmocka_unit_test(only_the_name_of_a_simulation_may_be_asked_for),
        cmocka_unit_test(messages_name_the_setting_that_is_wrong),
        cmocka_unit_test(weights_that_are_not_there_are_refused_unless_nothing_needs_them),
    };
    return cmocka_run_group_tests_name("backend-resolved-model", tests, bt_scratch_enter, bt_scratch_leave);
}
