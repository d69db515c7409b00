/* Users' checkpoints: what the field's writers make is read exactly, what does not fit the network is refused
 * by name, and a stranger's file can run nothing. The files: tools/python/make_test_checkpoints.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "networks/checkpoint.h"
#include "networks/weights.h"

#define FOLDER "tests/checkpoints/"

static bt_parameter tiny_parameters[] = {
    {.name = "a.weight", .role = BT_PARAMETER_WEIGHT, .rank = 4, .dims = {2, 3, 3, 3}, .count = 54},
    {.name = "b.weight", .role = BT_PARAMETER_SCALE, .rank = 1, .dims = {5}, .count = 5},
};
static const bt_network tiny = {
    .name = "tiny", .title = "Tiny", .parameters = tiny_parameters, .parameter_count = 2};

static void read_exactly(const char *name) {
    char path[256];
    bt_weights *weights;
    bt_error error;
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (bt_weights_check(&tiny, path, &error) != BT_OK) fail_msg("checked: %s", error.message);
    if (bt_weights_open(&weights, &tiny, path, &error) != BT_OK) fail_msg("%s", error.message);
    for (int i = 0; i < 54; i++)
        if (weights->values[0][i] != (float)i / 4 - 6)
            fail_msg("%s: a.weight[%d] is %g", name, i, (double)weights->values[0][i]);
    for (int i = 0; i < 5; i++)
        if (weights->values[1][i] != 1 - (float)i / 8)
            fail_msg("%s: b.weight[%d] is %g", name, i, (double)weights->values[1][i]);
    assert_string_equal(weights->source, name);
    assert_true(weights->trained);
    bt_weights_close(&weights);
}

static void refused(const char *name, bt_status status, const char *why) {
    char path[256];
    bt_weights *weights;
    bt_error error;
    snprintf(path, sizeof path, FOLDER "%s", name);
    const bt_status got = bt_weights_open(&weights, &tiny, path, &error);
    if (got != status || !strstr(error.message, why))
        fail_msg("%s: wanted %s with \"%s\", got %s: %s", name, bt_status_name(status), why,
                 bt_status_name(got), got == BT_OK ? "" : error.message);
    assert_non_null(strstr(error.message, name));
    assert_null(weights);
}

static void safetensors_are_read_in_every_floating_type(void **state) {
    (void)state;
    read_exactly("float32.safetensors");
    read_exactly("float16.safetensors");
    read_exactly("bfloat16.safetensors");
    read_exactly("float64.safetensors");
}

static void a_state_dictionary_is_found_where_training_scripts_put_it(void **state) {
    (void)state;
    read_exactly("bare.pth");
    read_exactly("model-state-dict.pth");
    read_exactly("state-dict.pth");
    read_exactly("model.pth");
    read_exactly("parameters.pth");
    read_exactly("protocol-4.pth");
}

static void torch_files_are_read_in_every_floating_type(void **state) {
    (void)state;
    read_exactly("half.pth");
    read_exactly("bfloat16.pth");
    read_exactly("double.pth");
}

static void tensors_may_share_a_storage_in_any_order(void **state) {
    (void)state;
    read_exactly("views.pth");
}

static void the_same_numbers_have_the_same_hash(void **state) {
    (void)state;
    bt_weights *one, *other;
    bt_error error;
    assert_int_equal(bt_weights_open(&one, &tiny, FOLDER "double.pth", &error), BT_OK);
    assert_int_equal(bt_weights_open(&other, &tiny, FOLDER "bfloat16.safetensors", &error), BT_OK);
    assert_int_equal(one->hash, other->hash);
    bt_weights_close(&one);
    bt_weights_close(&other);
    assert_int_equal(bt_weights_open(&other, &tiny, "counter:1", &error), BT_OK);
    bt_weights_close(&other);
}

static void what_does_not_fit_is_refused_by_name(void **state) {
    (void)state;
    refused("missing.pth", BT_INVALID, "1 of Tiny's 2 tensors are missing, \"b.weight\" (5) first");
    refused("missing.safetensors", BT_INVALID, "1 of Tiny's 2 tensors are missing, \"b.weight\" (5) first");
    refused("extra.pth", BT_INVALID, "Tiny has no tensor \"c.bias\"");
    refused("mis-shaped.pth", BT_INVALID, "tensor \"b.weight\" is 4 where Tiny has 5");
    refused("twice.pth", BT_INVALID, "has tensor \"module.b.weight\" twice");
    refused("integers.pth", BT_PARSE, "tensor \"b.weight\" holds no floating-point numbers");
    refused("integers.safetensors", BT_PARSE, "tensor \"b.weight\" holds no floating-point numbers");
}

static void another_kind_of_file_is_told_apart(void **state) {
    (void)state;
    refused("no-dictionary.pth", BT_PARSE, "holds no dictionary of tensors");
    refused("before-1.6.pth", BT_UNSUPPORTED, "written by torch.save before 1.6");
    refused("program.pt", BT_PARSE, "a TorchScript program, not a state dictionary");
    refused("compressed.pth", BT_PARSE, "its storage is compressed");
}

static void a_hostile_pickle_is_named_and_runs_nothing(void **state) {
    (void)state;
    unlink("it-was-run");
    refused("hostile.pth", BT_PARSE, "holds a Python object, posix.system");
    assert_int_not_equal(access("it-was-run", F_OK), 0);
}

static void a_file_that_is_not_there_is_said_to_be_none(void **state) {
    (void)state;
    bt_weights *weights;
    bt_error error;
    assert_int_equal(bt_weights_open(&weights, &tiny, "no/such.pth", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "\"no/such.pth\": there is no such file"));
    assert_int_equal(bt_weights_open(&weights, &tiny, FOLDER, &error), BT_IO);
    assert_non_null(strstr(error.message, "cannot be read: Is a directory"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_read_in_every_floating_type),
        cmocka_unit_test(a_state_dictionary_is_found_where_training_scripts_put_it),
        cmocka_unit_test(torch_files_are_read_in_every_floating_type),
        cmocka_unit_test(tensors_may_share_a_storage_in_any_order),
        cmocka_unit_test(the_same_numbers_have_the_same_hash),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(another_kind_of_file_is_told_apart),
        cmocka_unit_test(a_hostile_pickle_is_named_and_runs_nothing),
        cmocka_unit_test(a_file_that_is_not_there_is_said_to_be_none),
    };
    return cmocka_run_group_tests_name("networks/checkpoint", tests, NULL, NULL);
}
