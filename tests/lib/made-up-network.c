#include "made-up-network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "expect.h"

bt_network *made_up_network(int (*describe)(bt_builder *builder)) {
    bt_error error;
    bt_network *network = calloc(1, sizeof *network);
    assert_non_null(network);
    network->name = network->title = "odd";
    network->size_multiple = 2;
    bt_builder builder = bt_builder_start(network, &error);
    must(bt_builder_finish(&builder, describe(&builder)), &error);
    return network;
}

bt_calibration *made_up_calibration(const bt_network *network) {
    static float ranges[4096];
    bt_error error;
    bt_calibration *calibration;
    must(bt_calibration_open(&calibration, &error), &error);
    for (int t = 1; t < network->tensor_count; t++) {
        for (int c = 0; c < network->channels[t]; c++)
            ranges[c] = (float)(t + 1) + (float)c / 16;
        must(bt_calibration_add(calibration, t, ranges, network->channels[t], &error), &error);
    }
    return calibration;
}

int describe_every_operation(bt_builder *b) {
    int x = bt_build_convolution(b, 0, (bt_convolution){.channels = 10, .kernel = 3, .bias = 1}, "a");
    int normed = bt_build_norm(b, x, BT_NO_TENSOR, BT_ACTIVATION_NONE, "b"); /* x is read again */
    int spatial = bt_build_spatial_attention(b, normed, 5, "c");
    int pooled = bt_build_max_pool(b, spatial, 2);
    int channel = bt_build_channel_attention(b, pooled, 3, "d");
    int up = bt_build_transposed_convolution(b, channel, 6, "e");
    int joined = bt_build_concatenate(b, (int[]){x, up, spatial}, 3);
    int wide = bt_build_concatenate(b, (int[]){joined, pooled}, 2); /* pooled is resized */
    int mixed = bt_build_convolution(b, wide, (bt_convolution){.channels = 8, .kernel = 3, .stride = 2}, "f");
    int fine = bt_build_resize(b, mixed, 2);
    int few = bt_build_convolution(b, joined, (bt_convolution){.channels = 8, .kernel = 1}, "g");
    int sum = bt_build_add_relu(b, (int[]){mixed, fine, few}, 3, 1);
    int map = bt_build_sequence(b, sum, (bt_convolution){.channels = 1, .kernel = 1, .bias = 1}, BT_NO_TENSOR,
                                BT_ACTIVATION_SIGMOID, "h");
    int gated = bt_build_gate(b, sum, map);
    return bt_build_convolution(b, gated, (bt_convolution){.channels = 1, .kernel = 1, .bias = 1}, "i");
}
