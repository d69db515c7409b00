/* Writing a network's operation list down: what hrnet.c and cbam_resunet.c are written in, and nobody else
 * needs.
 *
 * Each function appends one operation with its parameters and returns the number of the tensor it writes. A
 * failure sticks: later calls do nothing, and bt_builder_finish reports it, so that a description reads as
 * the network does. Names are printf formats; they are the checkpoint's, so a sequence's members are called
 * ".0" and ".1". */
#ifndef BT_NETWORKS_BUILDER_H
#define BT_NETWORKS_BUILDER_H

#include "networks/network.h"

#define BT_NO_TENSOR (-1)

typedef struct bt_builder {
    bt_network *network; /* the caller's, empty at the start */
    size_t parameter_capacity, operation_capacity, tensor_capacity;
    bt_status status; /* the first failure, BT_OK until then */
    bt_error *error;
} bt_builder;

/* A convolution's measures. Padding is always half the kernel, so that stride 1 keeps the size. */
typedef struct bt_convolution {
    int channels; /* out */
    int kernel;
    int stride; /* 0 means 1 */
    int bias;   /* whether it has one */
} bt_convolution;

/* Starts on `network`, whose tensor 0 becomes an image of three channels. */
bt_builder bt_builder_start(bt_network *network, bt_error *error);

/* Checks nothing but the builder's own failure: BT_NO_MEMORY, or BT_INVALID for a name too long. The last
 * convolution's parameters are marked as the head's. */
BT_MUST_USE bt_status bt_builder_finish(bt_builder *builder, int output);

/* The general way, for whoever has an operation in hand (list-file.h): one of `kind` on tensor x, with neither
 * parameters nor measures, to be filled in; */
bt_operation bt_build_start(bt_operation_kind kind, int x);
/* a convolution, transposed or not, with its parameters; */
typedef struct bt_filter {
    int channels; /* out */
    int bias;     /* whether it has one */
    const char *weights,
        *batch_norm; /* whose names begin so: weights.weight, batch_norm.running_mean; or NULL: none */
} bt_filter;
int bt_build_filter(bt_builder *builder, bt_operation operation, bt_filter filter);
/* one without parameters, to a tensor of `channels`. */
int bt_build_plain(bt_builder *builder, bt_operation operation, int channels);

/* Parameters name.weight and, where asked for, name.bias. */
int bt_build_convolution(bt_builder *builder, int x, bt_convolution convolution, const char *name, ...)
    BT_PRINTF(4, 5);

/* 2 x 2, stride 2, with bias: doubles the size. Parameters name.weight and name.bias. */
int bt_build_transposed_convolution(bt_builder *builder, int x, int channels, const char *name, ...)
    BT_PRINTF(4, 5);

/* activation(norm(x) + residual), with BT_NO_TENSOR for no residual. Parameters name.weight and name.bias. */
int bt_build_norm(bt_builder *builder, int x, int residual, bt_activation activation, const char *name, ...)
    BT_PRINTF(5, 6);

/* Convolution name.0, then norm name.1 with the residual and activation of bt_build_norm. */
int bt_build_sequence(bt_builder *builder, int x, bt_convolution convolution, int residual,
                      bt_activation activation, const char *name, ...) BT_PRINTF(6, 7);

/* relu(sum of the inputs), resized to the size of inputs[like]. */
int bt_build_add_relu(bt_builder *builder, const int *inputs, int count, int like);
/* The inputs' channels one after another, resized to the size of inputs[0]. */
int bt_build_concatenate(bt_builder *builder, const int *inputs, int count);
int bt_build_max_pool(bt_builder *builder, int x, int kernel);
int bt_build_resize(bt_builder *builder, int x, int scale);
int bt_build_gate(bt_builder *builder, int x, int gate);

/* Parameters name.0.weight (hidden x channels) and name.2.weight (channels x hidden). */
int bt_build_channel_attention(bt_builder *builder, int x, int hidden, const char *name, ...) BT_PRINTF(4, 5);
/* Parameter name.weight (1 x 2 x kernel x kernel). */
int bt_build_spatial_attention(bt_builder *builder, int x, int kernel, const char *name, ...) BT_PRINTF(4, 5);

/* The descriptions themselves; each appends every operation and returns the tensor of logits. */
int bt_describe_hrnet(bt_builder *builder);
int bt_describe_cbam_resunet(bt_builder *builder);

#endif
