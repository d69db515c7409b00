/* A network's file of operations: the network that it makes, and what a slip of the pen is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "networks/list-file.h"

#define IMAGE "y = conv(image) channels=4 kernel=3 weights=a\n"
#define LAST  "z = conv(y) channels=1 weights=z\noutput z\n"

static bt_network *read_list(const char *text) {
    bt_network *network;
    bt_error error;
    must(bt_network_list_read(&network, "mine", "net.list", text, strlen(text), &error), &error);
    return network;
}

static void is_told(const char *text, const char *message) {
    bt_network *network;
    bt_error error;
    assert_int_equal(bt_network_list_read(&network, "mine", "net.list", text, strlen(text), &error),
                     BT_PARSE);
    assert_null(network);
    assert_string_equal(error.message, message);
}

static void a_line_is_an_operation(void **state) {
    (void)state;
    bt_network *network = read_list("title My net # and a comment\r\n"
                                    "\n"
                                    "  a = conv( image )  channels=8 kernel=3 stride=2 bias=yes "
                                    "weights=stem.0 batch_norm=stem.1 activation=relu\n"
                                    "b = transposed_conv(a) channels=2 weights=up\n"
                                    "output b");
    bt_shape shapes[3];
    bt_error error;
    assert_string_equal(network->name, "mine");
    assert_string_equal(network->title, "My net");
    assert_int_equal(network->size_multiple, 2);
    assert_int_equal(network->operation_count, 2);
    assert_int_equal(network->parameter_count, 7);
    assert_string_equal(network->parameters[0].name, "stem.0.weight");
    assert_string_equal(network->parameters[1].name, "stem.0.bias");
    assert_string_equal(network->parameters[2].name, "stem.1.weight");
    assert_string_equal(network->parameters[5].name, "stem.1.running_var");
    assert_int_equal(network->parameters[6].dims[0], 8); /* in before out */
    must(bt_network_shapes(network, 32, 64, shapes, &error), &error);
    assert_int_equal(shapes[1].height, 16);
    assert_int_equal(shapes[2].width, 64);
    assert_int_equal(shapes[2].channels, 2);
    bt_network_close(&network);
}

static void slips_of_the_pen_are_told_with_their_line(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {IMAGE, "net.list:1: the file ends without a line \"output NAME\""},
        {IMAGE "z = con(y)\n",
         "net.list:2: there is no operation \"con\": the known ones are conv, transposed_conv, "
         "instance_norm, add, concatenate, max_pool, resize, gate, channel_attention, "
         "spatial_attention"},
        {"y = conv(x) channels=4\n", "net.list:1: there is no \"x\" above; the picture is \"image\""},
        {"\ny = conv(image) channels=four weights=a\n",
         "net.list:2: channels=\"four\": a whole number from 1 to 16384 is right"},
        {"y = conv(image) weights=a\n", "net.list:1: conv wants channels=..."},
        {"y = conv(image) channels=4 kernal=3 weights=a\n",
         "net.list:1: conv knows no key \"kernal\": it has channels, kernel, stride, dilation, groups, "
         "padding, bias, "
         "weights, batch_norm, add, activation"},
        {"y = conv(image) channels=4 weights=a activation=rely\n",
         "net.list:1: activation=\"rely\": none, relu, sigmoid, relu6, silu or leaky_relu is right"},
        {"y = conv(image) channels=4 kernel=4 weights=a\n",
         "net.list:1: kernel=4 dilation=1 stride=1 with padding=1: the height is not divided by the stride "
         "alone"},
        {"y = conv(image) channels=4 groups=2 weights=a\n",
         "net.list:1: groups=2 does not divide 3 channels in and 4 out"},
        {IMAGE "z = conv(y) channels=5 weights=b add=y\n",
         "net.list:2: \"y\" has 4 channels, where 5 are right"},
        {IMAGE "z = conv(y) channels=4 stride=2 weights=b add=y\n",
         "net.list:2: \"y\" is 1/1 of the image's height, where 1/2 is right"},
        {IMAGE "z = conv(y) channels=4 weights=a\n", "net.list:2: weights=\"a\": line 1 has these already"},
        {IMAGE "y = max_pool(y)\n", "net.list:2: \"y\" is there already: each line writes a name of its own"},
        {IMAGE IMAGE, "net.list:2: \"y\" is there already: each line writes a name of its own"},
        {IMAGE "z = max_pool(y) kernel\n", "net.list:2: \"kernel\" where KEY=VALUE is expected"},
        {IMAGE "z = max_pool(y, y)\n", "net.list:2: max_pool takes 1 input, not 2"},
        {IMAGE "z = max_pool y\n", "net.list:2: an operation's inputs stand in brackets: \"conv(image)\""},
        {IMAGE "z max_pool(y)\n", "net.list:2: a line is \"NAME = OPERATION(INPUT, ...) KEY=VALUE ...\""},
        {IMAGE "w = max_pool(y)\n" LAST, "net.list:2: nothing reads \"w\""},
        {IMAGE "z = max_pool(y)\noutput z\n",
         "net.list:3: the output is 1/2 of the image's height: \"y = resize(z) scale=N\" enlarges it"},
        {IMAGE LAST "output y\n", "net.list:4: there is an output already, on line 3"},
        {"output image\n", "net.list:1: the image is no output"},
        {"y = add(image) activation=relu\noutput y\n",
         "net.list:2: no operation of it has weights: there is nothing to run"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_told(cases[i][0], cases[i][1]);
}

/* However often it halves, and whatever a damaged file asks for: counts are bounded before memory is taken. */
static void what_is_asked_for_is_bounded(void **state) {
    (void)state;
    char text[4096] = "a0 = conv(image) channels=1 weights=a\n";
    for (int i = 0; i < 12; i++) {
        const size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "a%d = max_pool(a%d)\n", i + 1, i);
    }
    is_told(text, "net.list:12: this is less than 1/1024 of the image's height");
    is_told("y = conv(image) channels=16384 weights=a\nz = conv(y) channels=16384 kernel=3 weights=b\n",
            "net.list:2: 2415919104 weights, at most 268435456 can be had");
    is_told("w = conv(image) channels=16384 weights=a\nx = conv(w) channels=16000 weights=b\n"
            "y = conv(x) channels=16000 weights=c\n",
            "net.list:3: 518193152 weights, at most 268435456 can be had");
    is_told("w = conv(image) channels=16384 weights=a\nx = concatenate(w, w)\n",
            "net.list:2: 32768 channels, at most 16384 can be had");
    bt_network *network;
    bt_error error;
    assert_int_equal(bt_network_list_read(&network, "mine", "net.list", "a\0b", 3, &error), BT_PARSE);
    assert_string_equal(error.message, "net.list:1: a byte 0: this is no text");
    char *many = calloc(5000, 1);
    assert_non_null(many);
    memset(many, '\n', 5000);
    assert_int_equal(bt_network_list_read(&network, "mine", "net.list", many, 5000, &error), BT_PARSE);
    assert_string_equal(error.message, "net.list:4097: a list has at most 4096 lines");
    free(many);
}

/* What the authors' checkpoints have: the names of hrnet.params.tsv, each norm with its statistics, 19 classes. */
static void hrnet_w48_has_its_authors_names(void **state) {
    (void)state;
    bt_network *network;
    bt_error error;
    char name[128], shape[64], mine[96];
    must(bt_network_open_file(&network, "big", "configs/networks/hrnet_w48.list", &error), &error);
    FILE *file = fopen("tests/golden/hrnet.params.tsv", "r");
    assert_non_null(file);
    int lines = 0, statistics = 0;
    assert_int_equal(fscanf(file, "%127s %63s", name, shape), 2);
    for (; fscanf(file, "%127s %63s", name, shape) == 2; lines++) {
        const bt_parameter *found = NULL;
        for (int i = 0; i < network->parameter_count; i++)
            if (strcmp(network->parameters[i].name, name) == 0) found = &network->parameters[i];
        if (!found) fail_msg("there is no %s", name);
        snprintf(mine, sizeof mine, "%lld", (long long)found->dims[0]);
        for (int d = 1; d < found->rank; d++)
            snprintf(mine + strlen(mine), sizeof mine - strlen(mine), "x%lld", (long long)found->dims[d]);
        if (strncmp(name, "last_layer.3", 12) == 0)
            assert_int_equal(found->dims[0], 19);
        else
            assert_string_equal(mine, shape);
    }
    fclose(file);
    for (int i = 0; i < network->parameter_count; i++)
        statistics += network->parameters[i].role >= BT_PARAMETER_MEAN;
    assert_int_equal(lines + statistics, network->parameter_count);
    assert_int_equal(statistics, 2 * 306); /* norms */
    bt_network_close(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_an_operation),
        cmocka_unit_test(slips_of_the_pen_are_told_with_their_line),
        cmocka_unit_test(what_is_asked_for_is_bounded),
        cmocka_unit_test(hrnet_w48_has_its_authors_names),
    };
    return cmocka_run_group_tests_name("networks/list-file", tests, NULL, NULL);
}
