/* What a model is, whoever made it: a network of this house, which is a list of operations and weights, or a
 * file that brings its own (TorchScript, packages compiled by AOTInductor, or ONNX).
 *
 * Whoever only needs a title, an image size that fits, or how images are normalised asks here and need not
 * know which it is. What computes is a backend's business. Beside a file NAME.json, or where that is not
 * there a JSON file of the file's own name (net.json beside net.pt or net-{batch}.pt2), may say what goes in
 * and what comes out:
 *
 *     {"input_size": 512, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
 *      "output": "out", "classes": ["background", "cell", "border"], "mask": ["cell", "border"]}
 *
 * Every key may be left out (docs/models-and-weights.md has them all). The size is then the one that a package was
 * compiled for or ONNX exported for, else that of the built-in networks; mean and standard deviation are
 * ImageNet's, and the output is logits. What one run can tell (channels, which tensor, how many classes, how much smaller) is found out when the
 * file is opened, and said. */
#ifndef BT_NETWORKS_MODEL_H
#define BT_NETWORKS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/files.h"
#include "base/options.h"
#include "image/normalize.h"
#include "image/resize.h"
#include "networks/model-classes.h"
#include "networks/model-map.h"
#include "networks/model-sizes.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_model_kind {
    BT_MODEL_NETWORK,     /* a list of operations: built in, or a user's file; bt_network_open_file has it */
    BT_MODEL_TORCHSCRIPT, /* a program that libtorch runs, for batches of any size */
    BT_MODEL_PACKAGES,    /* machine code for one batch size, or a file for each of several */
    BT_MODEL_ONNX         /* a network that ONNX Runtime runs */
} bt_model_kind;

typedef struct bt_model {
    bt_model_kind kind;
    char name[BT_NAME_SIZE];
    char title[BT_NAME_SIZE]; /* what a report calls it; a file's is its name */
    char file[BT_PATH_SIZE];  /* as given, "{batch}" and all; "" for a built-in network */
    bt_sizes batches;  /* of packages under a "{batch}": those that are there; of ONNX its own; else none */
    int size_multiple; /* images' height and width must be multiples of this; 1 where unknown */
    int input_size; /* its images' own height and width, as its JSON file says or its package; 0: unknown */
    bt_model_sizes sizes;                /* those that it takes, where its JSON file says more than one */
    int compiled_height, compiled_width; /* all that a package or ONNX takes; 0: any, or unknown */
    const char *numbers; /* in which ONNX computes, as its file says ("INT8 and FP32 (quantised)"); else "" */
    bt_image_norm norm;
    bt_image_output output;
    bt_model_map map;                    /* how that is made of what a file gives */
    bt_model_classes classes;            /* what its classes are called, as far as its JSON file says */
    char input_note[BT_MODEL_NOTE_SIZE]; /* "", or which of two JSON files that differ was read */
} bt_model;

/* What a model gave for pictures. */
typedef struct bt_output_range {
    double least, most;
    double mask_share; /* of the pixels whose probability is above 0.5 */
} bt_output_range;

/* Describes a model: a built-in one where `file` is NULL or "". Of a file nothing is read but its JSON file,
 * what a package or an ONNX file says of its images and, for a pattern, the folder. BT_INVALID for an unknown network (the
 * message lists the known), a file under a built-in network's name, a pattern that is none of packages;
 * BT_PARSE for what is wrong in the JSON file; BT_IO; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_model_describe(bt_model *out, const char *name, const char *file, bt_error *error);

/* Whether the files are there and are what their names say: reads the archives, and runs nothing. BT_OK for a
 * built-in network. BT_INVALID where there is no such file, BT_PARSE where it is something else (the message
 * says what, and how to make the right thing). */
BT_MUST_USE bt_status bt_model_check_files(const bt_model *model, bt_error *error);

/* Whether its files say in which numbers it computes, so that nothing can be chosen. */
bool bt_model_has_own_precision(const bt_model *model);

/* Whether it takes images of that size, as far as is known: BT_INVALID says which it takes. */
BT_MUST_USE bt_status bt_model_check_size(const bt_model *model, int height, int width, bt_error *error);

/* Of all that a file's model consists of, its JSON file left out. BT_IO. */
BT_MUST_USE bt_status bt_model_hash(const bt_model *model, uint64_t *hash, bt_error *error);

/* The probability 0.5 in the numbers that a model gives: what is above belongs to its mask. */
float bt_model_threshold(bt_image_output output);

/* What `count` of them come to; count is positive. */
bt_output_range bt_model_range(bt_image_output output, const float *values, size_t count);

/* What is to be asked of whoever brought the model, given what it gave for pictures: whether a file's logits
 * are probabilities, or the other way round, and why every mask is empty, or full. "" where nothing is. */
void bt_model_question(char out[BT_MODEL_NOTE_SIZE], bool from_file, bt_image_output output,
                       const bt_output_range *range);

#ifdef __cplusplus
}
#endif
#endif
