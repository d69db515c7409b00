/* One compilation under way: a network's operations becoming a program's steps and values.
 *
 * What the families of steps (step-norm.c, ...) have in common: where each tensor lies, who reads and writes
 * it, and how a step is added. A failure sticks: later steps are not added, and what a function returns then
 * is a value like any other, so that only the end must ask. */
#ifndef BT_PLAN_LOWERING_H
#define BT_PLAN_LOWERING_H

#include "plan/program.h"

#define BT_NO_OPERATION (-1)

typedef struct bt_lowering {
    bt_plan *plan;
    bt_program *program;
    const bt_network *network;
    const bt_weights *weights; /* NULL once everything is packed */
    int *reader_count;         /* of each tensor, how often it is read */
    int *last_reader;          /* the last operation that reads it; BT_NO_OPERATION */
    int *producer;             /* the operation that writes it; BT_NO_OPERATION for the image */
    int *value;                /* where each tensor lies; BT_NO_VALUE until it does */
    int *factors;              /* of a tensor that is still to be weighed by them, else BT_NO_VALUE */
    bool *placed; /* [operation * BT_MAX_INPUTS + input]: written into its concatenation already */
    bt_status status;
    bt_error *error;
} bt_lowering;

/* Notes who reads and writes each tensor; BT_NO_MEMORY. Close gives back the notes alone. */
BT_MUST_USE bt_status bt_lowering_open(bt_lowering *l);
void bt_lowering_close(bt_lowering *l);

/* Fails with "hrnet: what: norm"; `operation` may be NULL. */
void bt_lowering_fail(bt_lowering *l, bt_status status, const char *what, const bt_operation *operation);
/* Likewise, for a form of an operation that no step takes: BT_UNSUPPORTED, so that libtorch can take over. */
void bt_lowering_refuse(bt_lowering *l, const bt_operation *operation);
void bt_lowering_no_memory(bt_lowering *l);

/* ---- values ---- */

int bt_add_value(bt_lowering *l, bt_value value); /* its own home where value.home is BT_NO_VALUE */
int bt_new_value(bt_lowering *l, int channels, int height, int width, bt_value_type type);
/* Valid until a value is added. */
const bt_value *bt_value_at(const bt_lowering *l, int value);

/* The tensor's own value, made where it has none yet. */
int bt_value_of(bt_lowering *l, int tensor);
/* The value of one of an operation's inputs, which has been written. */
int bt_input_value(const bt_lowering *l, const bt_operation *operation, int input);
/* What the bytes of a tensor are worth; NULL where it is floats. */
const bt_units *bt_units_of(const bt_lowering *l, int tensor);
/* Where an operation that may work in place writes: into x itself where nobody else reads that, and neither is
 * bytes, whose units differ. */
int bt_in_place_value(bt_lowering *l, const bt_operation *operation);

int64_t bt_pixels_of(const bt_value *value);
/* Values from one pixel to the next of what the value lies in. */
size_t bt_stride_of(const bt_lowering *l, int value);
bool bt_same_size(const bt_lowering *l, int tensor, int other);
/* The operation that alone reads a tensor; NULL where several do, or the caller. */
const bt_operation *bt_only_reader(const bt_lowering *l, int tensor);

/* ---- steps ---- */

/* Adds a step with a copy of its arguments; NULL once something has failed. */
bt_plan_step *bt_add_step(bt_lowering *l, const bt_step_kind *kind, const void *arguments, int input,
                          int output);
void bt_step_reads(bt_plan_step *step, int value);
/* A parameter's numbers, copied at the first compilation; NULL where the operation has none. */
const float *bt_parameter_values(bt_lowering *l, const bt_operation *operation, int index);
/* The same where a step reads them: on a GPU, in its memory. */
const float *bt_parameter_memory(bt_lowering *l, const bt_operation *operation, int index);

/* The weights of a convolution with its BatchNorm within them: in *folded then, which is the caller's to free. NULL once
 * they are packed, and where something failed. */
const float *bt_filter_weights(bt_lowering *l, int number, float **folded);
/* What it adds to each output channel, `tiles` times over, kept with the plan; NULL where it is nothing. */
const float *bt_filter_bias(bt_lowering *l, int number, int tiles);

/* ---- steps that several families use ---- */

/* A convolution by `part` of an operation's weights, from value to value. The weights may be NULL where
 * bt_is_packed; `shape` needs the weights' channels, kernel, stride and padding only. */
void bt_add_convolution(bt_lowering *l, int number, int part, bt_conv_shape shape, const float *weights,
                        int from, const float *bias, int to);
bool bt_is_packed(const bt_lowering *l, int number, int part);
bool bt_is_pointwise(const bt_operation *operation); /* a 1 x 1 convolution of stride 1 */
/* Sum of values, resized to the output's size as `resize` says; one alone is resized or copied. */
void bt_add_sum(bt_lowering *l, const int *values, int count, int output, bt_resize resize, bool relu);
/* An operation's activation, of a value of its own, in place; nothing where it has none. */
void bt_add_activation(bt_lowering *l, const bt_operation *operation, int value);

/* Whether a concatenation is never written, since the 1 x 1 convolution that reads it goes to its inputs. */
bool bt_is_split(const bt_lowering *l, const bt_operation *concatenation);
/* The slice of the concatenation that reads this tensor as it is, from now on written; BT_NO_VALUE where none
 * does. */
int bt_place_in_concatenation(bt_lowering *l, int tensor);

/* What begins a program: the caller's image into channels_last. */
void bt_lower_image(bt_lowering *l);
/* What ends one whose last step cannot write to the caller: a value as planes of floats, one a channel. */
int bt_lower_planes(bt_lowering *l, int from);

#endif
