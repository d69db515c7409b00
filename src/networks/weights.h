/* A network's parameters as numbers: where they come from is this file's business and nobody else's.
 *
 * Three sources: the *counter* generator (random weights that need no file, for golden cases and tests), the
 * *demo* weights (counter convolutions under trained norm scales, offsets and head, committed with the
 * project, so that masks mean something), and, later, the user's own checkpoint.
 */
#ifndef BT_NETWORKS_WEIGHTS_H
#define BT_NETWORKS_WEIGHTS_H

#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_weights {
    float **values; /* values[i] holds network->parameters[i].count floats, row-major */
    int parameter_count;
    char source[64]; /* "demo", "counter:20240917" */
    int trained;     /* whether masks made with them mean something, so that agreement may be judged */
    uint64_t hash;   /* FNV-1a over every parameter's name and little-endian bytes, in the network's order */
} bt_weights;

/* Builds the weights that `source` names: "demo" or "counter:SEED". BT_INVALID with the known forms for
 * another, BT_NO_MEMORY, BT_PARSE where the committed demo data does not fit the network. The caller owns the
 * result.
 *
 * Counter values: with u = 2 * bt_counter_uniform(key(name, seed), i) - 1, a tensor of two or more dimensions
 * is u * sqrt(6 / fan_in), fan_in the product of all dimensions but the first; a one-dimensional *.weight is
 * 1 + 0.1 u; any other one-dimensional tensor 0.1 u; in double, rounded to float last. */
BT_MUST_USE bt_status bt_weights_open(bt_weights **out, const bt_network *network, const char *source,
                                      bt_error *error);
void bt_weights_close(bt_weights **weights);

#ifdef __cplusplus
}
#endif
#endif
