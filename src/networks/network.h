/* A network is data: a list of operations on numbered tensors and named parameters, described once, in C.
 *
 * Every way of running a network (libtorch's standard and plain paths, a compiled CPU plan, CUDA) walks this
 * same list, so the paths cannot diverge, and a new network is one more C file that needs no new path. The
 * list is independent of image size and batch size; bt_network_shapes() works the sizes out for a given
 * input. Keep the set of operations small and each one fused the way a fast kernel would want it: a runtime
 * without that kernel can always take an operation apart, but none can put together what the list took apart.
 *
 * The header is plain data and compiles as C++, because the libtorch shim reads it. */
#ifndef BT_NETWORKS_NETWORK_H
#define BT_NETWORKS_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tensors are N x C x H x W; `x` is the first input. Convolutions carry no activation: a norm always follows
 * where one is wanted. Instance norm everywhere: statistics over each image's H x W of one channel, eps
 * BT_NORM_EPSILON. */
typedef enum bt_operation_kind {
    /* y = x * weight (+ bias); kernel, stride, padding */
    BT_OPERATION_CONVOLUTION,
    /* y = x *T weight (+ bias); kernel = stride, no padding: sizes double */
    BT_OPERATION_TRANSPOSED_CONVOLUTION,
    /* y = activation(norm(x) * weight + bias (+ second input)) */
    BT_OPERATION_NORM,
    /* y = activation(sum of the inputs, in order), resized as resize_to_input says */
    BT_OPERATION_ADD,
    /* y = the inputs' channels one after another, resized likewise */
    BT_OPERATION_CONCATENATE,
    /* y = max over kernel x kernel, stride = kernel */
    BT_OPERATION_MAX_POOL,
    /* y = x resized bilinearly, corners aligned, by the factor `scale` */
    BT_OPERATION_RESIZE,
    /* y = x * second input, whose one channel is broadcast over x's */
    BT_OPERATION_GATE,
    /* y = x * sigmoid(mlp(mean of x) + mlp(max of x)) over H x W, with mlp(v) = weight[1] relu(weight[0] v),
     * no biases */
    BT_OPERATION_CHANNEL_ATTENTION,
    /* y = x * sigmoid(conv(mean of x over C, max of x over C)); kernel, padding; the convolution sees the
     * mean first, then the max */
    BT_OPERATION_SPATIAL_ATTENTION
} bt_operation_kind;

typedef enum bt_activation { BT_ACTIVATION_NONE, BT_ACTIVATION_RELU, BT_ACTIVATION_SIGMOID } bt_activation;

#define BT_NORM_EPSILON        1e-5
#define BT_MAX_INPUTS          4
#define BT_MAX_PARAMETERS      2 /* of one operation */
#define BT_MAX_RANK            4
#define BT_NO_PARAMETER        (-1)
#define BT_PARAMETER_NAME_SIZE 96

typedef enum bt_parameter_role {
    BT_PARAMETER_WEIGHT, /* a convolution's or layer's weight */
    BT_PARAMETER_BIAS,   /* a convolution's bias */
    BT_PARAMETER_SCALE,  /* a norm's weight */
    BT_PARAMETER_OFFSET  /* a norm's bias */
} bt_parameter_role;

typedef struct bt_parameter {
    char name[BT_PARAMETER_NAME_SIZE]; /* as checkpoints in the field store it */
    bt_parameter_role role;
    int rank;
    /* A convolution's: out, in, kernel, kernel; a transposed one's: in, out, kernel, kernel. */
    int64_t dims[BT_MAX_RANK];
    size_t count; /* elements */
    int in_head;  /* of the last convolution: the demo weights train these beside scales and offsets */
} bt_parameter;

typedef struct bt_operation {
    bt_operation_kind kind;
    int inputs[BT_MAX_INPUTS]; /* tensor numbers */
    int input_count;
    int output;                        /* tensor number; every tensor is written by one operation only */
    int parameters[BT_MAX_PARAMETERS]; /* weight, bias (norm: scale, offset); BT_NO_PARAMETER where absent */
    int kernel, stride, padding;       /* square; 0 where the kind has none */
    int scale;                         /* of a resize */
    bt_activation activation;          /* of a norm or an add */
    /* Of an add or a concatenation: inputs of another size are resized bilinearly, corners aligned, to the
     * size of this one of them. */
    int resize_to_input;
} bt_operation;

/* Read-only after open; may be used by any number of threads. */
typedef struct bt_network {
    const char *name;  /* "hrnet": what flags and files call it */
    const char *title; /* "HRNet": what a report calls it */
    bt_parameter *parameters;
    int parameter_count;
    bt_operation *operations; /* in an order in which every input is written before it is read */
    int operation_count;
    int *channels;    /* of each tensor */
    int tensor_count; /* tensor 0 is the image (3 channels), output_tensor the logits (1 channel) */
    int output_tensor;
    int size_multiple; /* height and width must be multiples of this */
} bt_network;

typedef struct bt_shape {
    int channels, height, width;
} bt_shape;

/* The built-in networks' names, in a fixed order; NULL past the last. */
const char *bt_network_name(size_t index);

/* Describes the network called `name`. BT_INVALID for an unknown one (the message lists the known),
 * BT_NO_MEMORY. Free with bt_network_close, which is NULL-safe and nulls. */
BT_MUST_USE bt_status bt_network_open(bt_network **out, const char *name, bt_error *error);
void bt_network_close(bt_network **network);

/* Each tensor's shape for an input of height x width pixels, into shapes[tensor_count] (the caller's).
 * BT_INVALID where the size is not positive, not a multiple of size_multiple, or above 16384. */
BT_MUST_USE bt_status bt_network_shapes(const bt_network *network, int height, int width, bt_shape *shapes,
                                        bt_error *error);

/* Whether height and width are what bt_network_shapes takes: multiples of `multiple`, up to 16384. BT_INVALID
 * says which are, under the name `title`. */
BT_MUST_USE bt_status bt_network_check_size(const char *title, int multiple, int height, int width,
                                            bt_error *error);

/* "convolution", "norm", ...; never NULL. */
const char *bt_operation_name(bt_operation_kind kind);

#ifdef __cplusplus
}
#endif
#endif
