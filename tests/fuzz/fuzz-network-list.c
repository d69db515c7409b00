/* A network as a text file of operations, written by anybody; and what images' sizes come to in it. */
#include <stdlib.h>

#include "input.h"
#include "networks/list-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_network *network;
    bt_error error;
    if (bt_network_list_read(&network, "mine", "net.list", (const char *)data, size, &error) != BT_OK)
        return 0;
    bt_shape *shapes = calloc((size_t)network->tensor_count, sizeof *shapes);
    const int side = network->size_multiple;
    if (shapes && bt_network_shapes(network, side, 2 * side, shapes, &error) == BT_OK &&
        (shapes[network->output_tensor].height != side || shapes[network->output_tensor].width != 2 * side))
        abort();
    for (int t = 0; shapes && t < network->tensor_count; t++)
        if (shapes[t].height < 1 || shapes[t].width < 1) abort();
    free(shapes);
    bt_network_close(&network);
    return 0;
}
