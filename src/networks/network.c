#include "networks/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "networks/builder.h"
#include "networks/list-file.h"

#define MAX_SIZE 16384

BT_EMBED(bt_list_unet_bn, "configs/networks/unet_bn.list");

/* A fourth network is one more file with a bt_describe_... function, or a list, and one more line here. */
static const struct {
    const char *name, *title;
    int (*describe)(bt_builder *builder);
    int size_multiple;         /* every halving must come out even */
    const uint8_t *list, *end; /* in place of the four */
} known[] = {
    {.name = "hrnet", .title = "HRNet", .describe = bt_describe_hrnet, .size_multiple = 32},
    {.name = "cbam_resunet",
     .title = "CBAM-ResUNet",
     .describe = bt_describe_cbam_resunet,
     .size_multiple = 16},
    {.name = "unet_bn", .list = bt_list_unet_bn, .end = bt_list_unet_bn_end},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

const char *bt_network_name(size_t index) {
    return index < KNOWN_COUNT ? known[index].name : NULL;
}

static bt_status unknown(const char *name, bt_error *error) {
    char names[128] = "";
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof(names) - length, "%s%s", i > 0 ? ", " : "", known[i].name);
    }
    return bt_fail(error, BT_INVALID, "unknown model \"%s\": the known ones are %s", name, names);
}

bt_status bt_network_open(bt_network **out, const char *name, bt_error *error) {
    size_t index = 0;
    *out = NULL;
    while (index < KNOWN_COUNT && strcmp(known[index].name, name) != 0)
        index++;
    if (index == KNOWN_COUNT) return unknown(name, error);
    if (known[index].list)
        return bt_network_list_read(out, name, name, (const char *)known[index].list,
                                    (size_t)(known[index].end - known[index].list), error);
    bt_network *network = calloc(1, sizeof(*network));
    if (network == NULL) return bt_no_memory(error, "network \"%s\"", name);
    network->name = known[index].name;
    network->title = known[index].title;
    network->size_multiple = known[index].size_multiple;
    bt_builder builder = bt_builder_start(network, error);
    bt_status status = bt_builder_finish(&builder, known[index].describe(&builder));
    if (status != BT_OK) {
        bt_network_close(&network);
        return status;
    }
    *out = network;
    return BT_OK;
}

bt_status bt_network_call(bt_network *network, const char *name, bt_error *error) {
    if (strlen(name) >= sizeof network->own_name)
        return bt_fail(error, BT_INVALID, "a model's name has at most %zu letters, unlike \"%.80s\"",
                       sizeof network->own_name - 1, name);
    memcpy(network->own_name, name, strlen(name) + 1);
    memcpy(network->own_title, name, strlen(name) + 1);
    network->name = network->own_name;
    network->title = network->own_title;
    return BT_OK;
}

void bt_network_close(bt_network **network) {
    if (network == NULL || *network == NULL) return;
    free((*network)->parameters);
    free((*network)->operations);
    free((*network)->channels);
    free(*network);
    *network = NULL;
}

static int filtered(int size, const bt_operation *operation) {
    return (size + 2 * operation->padding - operation->dilation * (operation->kernel - 1) - 1) /
               operation->stride +
           1;
}

static bt_shape output_shape(const bt_network *network, const bt_operation *operation,
                             const bt_shape *shapes) {
    bt_shape shape = shapes[operation->inputs[0]];
    switch (operation->kind) {
    case BT_OPERATION_CONVOLUTION:
        shape.height = filtered(shape.height, operation);
        shape.width = filtered(shape.width, operation);
        break;
    case BT_OPERATION_TRANSPOSED_CONVOLUTION:
        shape.height *= operation->stride;
        shape.width *= operation->stride;
        break;
    case BT_OPERATION_MAX_POOL:
        shape.height /= operation->kernel;
        shape.width /= operation->kernel;
        break;
    case BT_OPERATION_RESIZE:
        shape.height *= operation->scale;
        shape.width *= operation->scale;
        break;
    case BT_OPERATION_ADD:
    case BT_OPERATION_CONCATENATE:
        shape = shapes[operation->inputs[operation->resize_to_input]];
        break;
    case BT_OPERATION_NORM:
    case BT_OPERATION_GATE:
    case BT_OPERATION_CHANNEL_ATTENTION:
    case BT_OPERATION_SPATIAL_ATTENTION:
        break;
    }
    shape.channels = network->channels[operation->output];
    return shape;
}

bt_status bt_network_check_size(const char *title, int multiple, int height, int width, bt_error *error) {
    if (height > 0 && width > 0 && height <= MAX_SIZE && width <= MAX_SIZE && height % multiple == 0 &&
        width % multiple == 0)
        return BT_OK;
    return bt_fail(error, BT_INVALID,
                   "%s takes images whose height and width are multiples of %d from %d to %d, not %d x %d",
                   title, multiple, multiple, MAX_SIZE, height, width);
}

bt_status bt_network_shapes(const bt_network *network, int height, int width, bt_shape *shapes,
                            bt_error *error) {
    bt_status status = bt_network_check_size(network->title, network->size_multiple, height, width, error);
    if (status != BT_OK) return status;
    shapes[0] = (bt_shape){network->channels[0], height, width};
    for (int i = 0; i < network->operation_count; i++) {
        const bt_operation *operation = &network->operations[i];
        shapes[operation->output] = output_shape(network, operation, shapes);
    }
    return BT_OK;
}

const char *bt_operation_name(bt_operation_kind kind) {
    static const char *const names[] = {
        [BT_OPERATION_CONVOLUTION] = "convolution",
        [BT_OPERATION_TRANSPOSED_CONVOLUTION] = "transposed_convolution",
        [BT_OPERATION_NORM] = "norm",
        [BT_OPERATION_ADD] = "add",
        [BT_OPERATION_CONCATENATE] = "concatenate",
        [BT_OPERATION_MAX_POOL] = "max_pool",
        [BT_OPERATION_RESIZE] = "resize",
        [BT_OPERATION_GATE] = "gate",
        [BT_OPERATION_CHANNEL_ATTENTION] = "channel_attention",
        [BT_OPERATION_SPATIAL_ATTENTION] = "spatial_attention",
    };
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
