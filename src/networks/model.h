/* What a model is, whoever made it: a network of this house, which is a list of operations and weights, or a
 * file that brings its own (TorchScript, or packages compiled by AOTInductor).
 *
 * Whoever only needs a title, an image size that fits, or how images are normalised asks here and need not
 * know which it is. What computes is a backend's business. Beside a file NAME.json may say what its input is:
 *
 *     {"input_size": 512, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
 *
 * Without it the size is that of the built-in networks, mean and standard deviation are ImageNet's.
 */
#ifndef BT_NETWORKS_MODEL_H
#define BT_NETWORKS_MODEL_H

#include <stdint.h>

#include "base/error.h"
#include "base/files.h"
#include "base/options.h"
#include "image/normalize.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_model_kind {
    BT_MODEL_NETWORK,     /* built in: bt_network_open has it */
    BT_MODEL_TORCHSCRIPT, /* a program that libtorch runs, for batches of any size */
    BT_MODEL_PACKAGES     /* machine code for one batch size, or a file for each of several */
} bt_model_kind;

typedef struct bt_model {
    bt_model_kind kind;
    char name[BT_NAME_SIZE];
    char title[BT_NAME_SIZE]; /* what a report calls it; a file's is its name */
    char file[BT_PATH_SIZE];  /* as given, "{batch}" and all; "" for a built-in network */
    bt_sizes batches;         /* of packages under a "{batch}": those that are there; else none */
    int size_multiple;        /* images' height and width must be multiples of this; 1 where unknown */
    int input_size;           /* that its NAME.json asks for, pixels; 0: it does not say */
    bt_image_norm norm;
} bt_model;

/* Describes a model: a built-in one where `file` is NULL or "". Of a file nothing is read but its NAME.json
 * and, for a pattern, the folder. BT_INVALID for an unknown network (the message lists the known), a file
 * under a built-in network's name, a pattern that is none of packages; BT_PARSE for what is wrong in
 * NAME.json; BT_IO; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_model_describe(bt_model *out, const char *name, const char *file, bt_error *error);

/* Whether the files are there and are what their names say: looks into the archives, and runs nothing.
 * BT_OK for a built-in network. BT_INVALID where there is no such file, BT_PARSE where it is something else
 * (the message says what, and how to make the right thing). */
BT_MUST_USE bt_status bt_model_check_files(const bt_model *model, bt_error *error);

/* Whether it takes images of that size, as far as is known: BT_INVALID says which it takes. */
BT_MUST_USE bt_status bt_model_check_size(const bt_model *model, int height, int width, bt_error *error);

/* Of all that a file's model consists of, its NAME.json left out. BT_IO. */
BT_MUST_USE bt_status bt_model_hash(const bt_model *model, uint64_t *hash, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
