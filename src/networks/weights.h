/* A network's parameters as numbers: where they come from is this file's business and nobody else's.
 *
 * Three sources: the *counter* generator (random weights that need no file, for golden cases and tests), the
 * *demo* weights (counter convolutions under trained norm scales, offsets and head, committed with the
 * project, so that masks mean something), and the user's own checkpoint. */
#ifndef BT_NETWORKS_WEIGHTS_H
#define BT_NETWORKS_WEIGHTS_H

#include <stdbool.h>

#include "networks/network.h"
#include "networks/weights-file.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_weights {
    float **values; /* values[i] holds network->parameters[i].count floats, row-major */
    int parameter_count;
    /* "demo", "counter:20240917", a file's name without its folder, or FILE:PLACE where the file holds the
     * network in several places. */
    char source[64];
    char note[BT_WEIGHTS_NOTE_SIZE]; /* "", or which of several places was taken, for people */
    int trained;   /* whether masks made with them mean something, so that agreement may be judged */
    uint64_t hash; /* over every parameter's name (FNV-1a) and numbers (bt_hash_large), in order */
} bt_weights;

/* Builds the weights that `source` names: "demo", "counter:SEED", or a checkpoint, FILE or FILE:PLACE.
 * Errors: those of bt_weights_read_file for a file; BT_NO_MEMORY. The caller owns the result.
 *
 * Counter values: with u = 2 * bt_counter_uniform(key(name, seed), i) - 1, a tensor of two or more dimensions
 * is u * sqrt(6 / fan_in), fan_in the product of all dimensions but the first; a one-dimensional *.weight and a
 * running variance are 1 + 0.1 u; any other one-dimensional tensor 0.1 u; in double, rounded to float last. */
BT_MUST_USE bt_status bt_weights_open(bt_weights **out, const bt_network *network, const char *source,
                                      bt_error *error);
void bt_weights_close(bt_weights **weights);

/* Whether bt_weights_open would succeed, as far as names and shapes tell: reads no numbers. */
BT_MUST_USE bt_status bt_weights_check(const bt_network *network, const char *source, bt_error *error);

/* Whether `source` is a file rather than built in. */
bool bt_weights_is_file(const char *source);

#ifdef __cplusplus
}
#endif
#endif
