#include "multiply-adds.h"

#include <stdlib.h>

/* The shape over whose pixels an operation's weights go, each once; NULL of one that is no convolution. */
static const bt_shape *pixels_of(const bt_operation *operation, const bt_shape *shapes) {
    switch (operation->kind) {
    case BT_OPERATION_CONVOLUTION:
    case BT_OPERATION_SPATIAL_ATTENTION:
        return &shapes[operation->output];
    case BT_OPERATION_TRANSPOSED_CONVOLUTION:
        return &shapes[operation->inputs[0]];
    default:
        return NULL;
    }
}

bt_status multiply_adds(int64_t *out, const bt_network *network, int height, int width, bt_error *error) {
    bt_shape *shapes = calloc((size_t)network->tensor_count, sizeof *shapes);
    if (!shapes) return bt_no_memory(error, "a network's shapes");
    bt_status status = bt_network_shapes(network, height, width, shapes, error);
    *out = 0;
    for (int i = 0; i < network->operation_count && status == BT_OK; i++) {
        const bt_operation *operation = &network->operations[i];
        const bt_shape *pixels = pixels_of(operation, shapes);
        if (pixels)
            *out += (int64_t)pixels->height * pixels->width *
                    (int64_t)network->parameters[operation->parameters[0]].count;
    }
    free(shapes);
    return status;
}
