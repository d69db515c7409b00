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

/* Tensors are N x C x H x W; `x` is the first input. The norm of BT_OPERATION_NORM is instance norm: statistics
 * over each image's H x W of one channel. BatchNorm has its statistics among its parameters, and so is part of the
 * convolution before it. Both with eps BT_NORM_EPSILON. */
typedef enum bt_operation_kind {
    /* y = activation(batch norm(x * weight (+ bias)) (+ second input)), each but the first where there is one; kernel,
     * stride, padding, dilation, groups */
    BT_OPERATION_CONVOLUTION,
    /* The same of x *T weight, in one group, without a second input; heights and widths grow `stride` times,
     * whatever kernel and padding */
    BT_OPERATION_TRANSPOSED_CONVOLUTION,
    /* y = activation(norm(x) * weight + bias (+ second input)) */
    BT_OPERATION_NORM,
    /* y = activation(sum of the inputs, in order), resized as resize_to_input says; of one alone its activation */
    BT_OPERATION_ADD,
    /* y = the inputs' channels one after another, resized likewise */
    BT_OPERATION_CONCATENATE,
    /* y = max over kernel x kernel, stride = kernel */
    BT_OPERATION_MAX_POOL,
    /* y = x resized by the factor `scale`, as `resize` says */
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

typedef enum bt_activation {
    BT_ACTIVATION_NONE,
    BT_ACTIVATION_RELU,
    BT_ACTIVATION_SIGMOID,
    BT_ACTIVATION_RELU6, /* min(max(x, 0), 6) */
    BT_ACTIVATION_SILU,  /* x * sigmoid(x) */
    BT_ACTIVATION_LEAKY  /* x, times `slope` below 0 */
} bt_activation;

/* Where place i of n reads in m pixels: between two, corners on corners: i (m - 1) / (n - 1); between two, pixels as
 * squares: (i + 1/2) m / n - 1/2; the one at i m / n, rounded down. */
typedef enum bt_resize { BT_RESIZE_ALIGNED, BT_RESIZE_BILINEAR, BT_RESIZE_NEAREST } bt_resize;

#define BT_NORM_EPSILON        1e-5
#define BT_LEAKY_SLOPE         0.01
#define BT_MAX_INPUTS          4
#define BT_MAX_PARAMETERS      6 /* of one operation */
#define BT_MAX_RANK            4
#define BT_NO_PARAMETER        (-1)
#define BT_PARAMETER_NAME_SIZE 96
#define BT_NETWORK_NAME_SIZE   64

typedef enum bt_parameter_role {
    BT_PARAMETER_WEIGHT,  /* a convolution's or layer's weight */
    BT_PARAMETER_BIAS,    /* a convolution's bias */
    BT_PARAMETER_SCALE,   /* a norm's weight */
    BT_PARAMETER_OFFSET,  /* a norm's bias */
    BT_PARAMETER_MEAN,    /* a BatchNorm's running mean */
    BT_PARAMETER_VARIANCE /* and variance */
} bt_parameter_role;

/* Places in a convolution's `parameters`; those of its BatchNorm are there together or not at all. */
enum {
    BT_CONVOLUTION_WEIGHT,
    BT_CONVOLUTION_BIAS,
    BT_CONVOLUTION_SCALE,
    BT_CONVOLUTION_OFFSET,
    BT_CONVOLUTION_MEAN,
    BT_CONVOLUTION_VARIANCE
};

typedef struct bt_parameter {
    char name[BT_PARAMETER_NAME_SIZE]; /* as checkpoints in the field store it */
    bt_parameter_role role;
    int rank;
    /* A convolution's: out, in / groups, kernel, kernel; a transposed one's: in, out, kernel, kernel. */
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
    int dilation, groups;              /* of a convolution; 1 elsewhere */
    int scale;                         /* of a resize */
    bt_activation activation;          /* of a convolution, a norm or an add */
    float slope;                       /* of BT_ACTIVATION_LEAKY */
    /* Of an add or a concatenation: inputs of another size are resized to the size of this one of them. */
    int resize_to_input;
    bt_resize resize; /* how, of these two and of a resize */
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
    int tensor_count; /* tensor 0 is the image (3 channels), output_tensor the logits (a channel a class) */
    int output_tensor;
    int size_multiple;  /* height and width must be multiples of this */
    uint64_t list_hash; /* of a list file, a part of its weights' hash; else 0 */
    char own_name[BT_NETWORK_NAME_SIZE], own_title[BT_NETWORK_NAME_SIZE]; /* behind the two of a list file */
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

/* Calls a network by a name that is not its file's own; the title is the same until somebody sets own_title. BT_INVALID
 * for a longer one than BT_NETWORK_NAME_SIZE takes. */
BT_MUST_USE bt_status bt_network_call(bt_network *network, const char *name, bt_error *error);

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
