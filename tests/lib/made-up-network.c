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
