/* The networks' descriptions: the checkpoint's parameters, an order that can be run, and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "multiply-adds.h"
#include "networks/network.h"

static bt_network *open_network(const char *name) {
    bt_network *network;
    bt_error error;
    if (bt_network_open(&network, name, &error) != BT_OK) fail_msg("%s", error.message);
    return network;
}

/* Parameter `name`'s dimensions as "64x3x3x3"; NULL where the network has none of that name. */
static const char *shape_of(const bt_network *network, const char *name, char text[64]) {
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        size_t length = 0, count = 1;
        if (strcmp(parameter->name, name) != 0) continue;
        for (int d = 0; d < parameter->rank; d++) {
            length += (size_t)snprintf(text + length, 64 - length, "%s%lld", d > 0 ? "x" : "",
                                       (long long)parameter->dims[d]);
            count *= (size_t)parameter->dims[d];
        }
        assert_int_equal(parameter->count, count);
        return text;
    }
    return NULL;
}

/* Both ways: every line is a parameter, and there are as many parameters as lines. */
static void check_parameters(const char *model, size_t expected_values) {
    bt_network *network = open_network(model);
    char path[128], name[128], shape[64], ours[64];
    int lines = 0;
    size_t values = 0;
    snprintf(path, sizeof(path), "tests/golden/%s.params.tsv", model);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("cannot open %s: run the test from the repository's root", path);
    assert_int_equal(fscanf(file, "%127s %63s", name, shape), 2);
    for (; fscanf(file, "%127s %63s", name, shape) == 2; lines++) {
        const char *found = shape_of(network, name, ours);
        if (found == NULL || strcmp(found, shape) != 0)
            fail_msg("%s: %s is %s here and %s in the checkpoint", model, name, found ? found : "missing",
                     shape);
    }
    fclose(file);
    for (int i = 0; i < network->parameter_count; i++)
        values += network->parameters[i].count;
    assert_int_equal(network->parameter_count, lines);
    assert_int_equal(values, expected_values);
    bt_network_close(&network);
}

static void parameters_are_the_checkpoints(void **state) {
    (void)state;
    check_parameters("hrnet", 65846401);
    check_parameters("cbam_resunet", 52072673);
    check_parameters("unet_bn", 31049409);
}

/* How many numbers the demo weights train: norms and the last convolution. */
static void check_trained(const char *model, size_t expected) {
    bt_network *network = open_network(model);
    size_t trained = 0;
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        if (parameter->role == BT_PARAMETER_SCALE || parameter->role == BT_PARAMETER_OFFSET ||
            parameter->in_head)
            trained += parameter->count;
    }
    assert_int_equal(trained, expected);
    bt_network_close(&network);
}

static void demo_weights_train_norms_and_head(void **state) {
    (void)state;
    check_trained("hrnet", 86257);
    check_trained("cbam_resunet", 23785);
}

static void every_tensor_is_written_once_and_before_it_is_read(void **state) {
    (void)state;
    for (size_t n = 0; bt_network_name(n) != NULL; n++) {
        bt_network *network = open_network(bt_network_name(n));
        int *written = calloc((size_t)network->tensor_count, sizeof(*written));
        int *read = calloc((size_t)network->tensor_count, sizeof(*read));
        assert_non_null(written);
        assert_non_null(read);
        written[0] = 1;
        for (int i = 0; i < network->operation_count; i++) {
            const bt_operation *operation = &network->operations[i];
            assert_in_range(operation->input_count, 1, BT_MAX_INPUTS);
            for (int k = 0; k < operation->input_count; k++) {
                assert_in_range(operation->inputs[k], 0, network->tensor_count - 1);
                assert_int_equal(written[operation->inputs[k]], 1);
                read[operation->inputs[k]] = 1;
            }
            assert_in_range(operation->output, 0, network->tensor_count - 1);
            assert_int_equal(written[operation->output]++, 0);
        }
        for (int t = 0; t < network->tensor_count; t++)
            assert_int_equal(written[t] + (read[t] || t == network->output_tensor), 2);
        free(read);
        free(written);
        bt_network_close(&network);
    }
}

static void every_parameter_belongs_to_one_operation(void **state) {
    (void)state;
    for (size_t n = 0; bt_network_name(n) != NULL; n++) {
        bt_network *network = open_network(bt_network_name(n));
        int *uses = calloc((size_t)network->parameter_count, sizeof(*uses));
        assert_non_null(uses);
        for (int i = 0; i < network->operation_count; i++)
            for (int k = 0; k < BT_MAX_PARAMETERS; k++)
                if (network->operations[i].parameters[k] != BT_NO_PARAMETER)
                    uses[network->operations[i].parameters[k]]++;
        for (int i = 0; i < network->parameter_count; i++)
            assert_int_equal(uses[i], 1);
        free(uses);
        bt_network_close(&network);
    }
}

/* Inputs that an operation takes as they are must already have fitting shapes. */
static void check_operation_shapes(const bt_network *network, const bt_operation *operation,
                                   const bt_shape *shapes) {
    const bt_shape *x = &shapes[operation->inputs[0]], *y = &shapes[operation->output];
    assert_true(y->height > 0 && y->width > 0);
    assert_int_equal(y->channels, network->channels[operation->output]);
    if (operation->kind == BT_OPERATION_CONVOLUTION && operation->input_count == 2)
        assert_memory_equal(&shapes[operation->inputs[1]], y, sizeof(*y));
    if (operation->kind == BT_OPERATION_NORM && operation->input_count == 2)
        assert_memory_equal(&shapes[operation->inputs[1]], x, sizeof(*x));
    if (operation->kind == BT_OPERATION_GATE) {
        const bt_shape *gate = &shapes[operation->inputs[1]];
        assert_int_equal(gate->channels, 1);
        assert_true(gate->height == x->height && gate->width == x->width);
    }
    if (operation->kind == BT_OPERATION_ADD)
        for (int k = 0; k < operation->input_count; k++)
            assert_int_equal(shapes[operation->inputs[k]].channels, y->channels);
    if (operation->kind == BT_OPERATION_MAX_POOL)
        assert_true(x->height % operation->kernel == 0 && x->width % operation->kernel == 0);
}

static void check_shapes(const char *model, int height, int width) {
    bt_network *network = open_network(model);
    bt_shape *shapes = calloc((size_t)network->tensor_count, sizeof(*shapes));
    int smallest = height;
    bt_error error;
    assert_non_null(shapes);
    assert_int_equal(bt_network_shapes(network, height, width, shapes, &error), BT_OK);
    for (int i = 0; i < network->operation_count; i++)
        check_operation_shapes(network, &network->operations[i], shapes);
    for (int t = 0; t < network->tensor_count; t++)
        smallest = shapes[t].height < smallest ? shapes[t].height : smallest;
    assert_int_equal(smallest, height / network->size_multiple);
    const bt_shape *output = &shapes[network->output_tensor];
    assert_true(output->channels == 1 && output->height == height && output->width == width);
    free(shapes);
    bt_network_close(&network);
}

static void logits_have_the_images_size(void **state) {
    static const int sizes[][2] = {{32, 32}, {64, 64}, {96, 128}, {128, 128}, {1024, 1024}, {16384, 32}};
    (void)state;
    for (size_t n = 0; bt_network_name(n) != NULL; n++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            check_shapes(bt_network_name(n), sizes[i][0], sizes[i][1]);
}

static void sizes_that_do_not_halve_evenly_are_refused(void **state) {
    static const int sizes[][2] = {{0, 64},    {64, 0},     {-32, 64},  {64, 72},
                                   {100, 128}, {16416, 32}, {32, 16416}};
    (void)state;
    for (size_t n = 0; bt_network_name(n) != NULL; n++) {
        bt_network *network = open_network(bt_network_name(n));
        bt_shape *shapes = calloc((size_t)network->tensor_count, sizeof(*shapes));
        bt_error error;
        assert_non_null(shapes);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            assert_int_equal(bt_network_shapes(network, sizes[i][0], sizes[i][1], shapes, &error),
                             BT_INVALID);
            assert_non_null(strstr(error.message, "multiples of"));
        }
        free(shapes);
        bt_network_close(&network);
    }
}

/* Half of what PyTorch's FlopCounterMode counts for the convolutions of the same list. */
static void convolutions_multiply_as_often_as_torch_counts(void **state) {
    static const struct {
        const char *model;
        int height, width;
        int64_t wanted;
    } cases[] = {{"hrnet", 64, 64, 1456668672},
                 {"hrnet", 64, 96, 2185003008},
                 {"cbam_resunet", 64, 64, 3775009088},
                 {"cbam_resunet", 64, 96, 5662513632}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bt_network *network = open_network(cases[i].model);
        int64_t count;
        bt_error error;
        assert_int_equal(multiply_adds(&count, network, cases[i].height, cases[i].width, &error), BT_OK);
        assert_int_equal(count, cases[i].wanted);
        assert_int_equal(multiply_adds(&count, network, 64, 72, &error), BT_INVALID);
        bt_network_close(&network);
    }
}

static void an_unknown_model_is_told_the_known_ones(void **state) {
    bt_network *network;
    bt_error error;
    (void)state;
    assert_int_equal(bt_network_open(&network, "vnet", &error), BT_INVALID);
    assert_null(network);
    assert_string_equal(error.message,
                        "unknown model \"vnet\": the known ones are hrnet, cbam_resunet, unet_bn");
}

static void closing_nothing_is_allowed(void **state) {
    bt_network *network = NULL;
    (void)state;
    bt_network_close(&network);
    bt_network_close(NULL);
    network = open_network("hrnet");
    bt_network_close(&network);
    assert_null(network);
}

static void every_kind_has_its_own_name(void **state) {
    (void)state;
    for (int a = BT_OPERATION_CONVOLUTION; a <= BT_OPERATION_SPATIAL_ATTENTION; a++)
        for (int b = BT_OPERATION_CONVOLUTION; b < a; b++)
            assert_string_not_equal(bt_operation_name((bt_operation_kind)a),
                                    bt_operation_name((bt_operation_kind)b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_the_checkpoints),
        cmocka_unit_test(demo_weights_train_norms_and_head),
        cmocka_unit_test(every_tensor_is_written_once_and_before_it_is_read),
        cmocka_unit_test(every_parameter_belongs_to_one_operation),
        cmocka_unit_test(logits_have_the_images_size),
        cmocka_unit_test(sizes_that_do_not_halve_evenly_are_refused),
        cmocka_unit_test(convolutions_multiply_as_often_as_torch_counts),
        cmocka_unit_test(an_unknown_model_is_told_the_known_ones),
        cmocka_unit_test(closing_nothing_is_allowed),
        cmocka_unit_test(every_kind_has_its_own_name),
    };
    return cmocka_run_group_tests_name("networks-lists", tests, NULL, NULL);
}
