/* The demo weights: the numbers that tools/python/train_demo_weights.py trained, part of the library itself,
 * so that masks mean something before the user has a checkpoint. Norm scales, norm offsets and the head are
 * here; every other parameter is the counter generator's. Internal to networks/: weights.c lays one over the
 * other. */
#ifndef BT_NETWORKS_DEMO_H
#define BT_NETWORKS_DEMO_H

#include <stddef.h>
#include <stdint.h>

#include "networks/network.h"

/* The built-in data of `network`, as the training script's docstring lays it out. BT_INVALID where there is
 * none. */
BT_MUST_USE bt_status bt_demo_data(const bt_network *network, const uint8_t **data, size_t *size,
                                   bt_error *error);

/* The counter seed that the data was trained over, after checking that the data is whole and of this network:
 * BT_PARSE where it is not. */
BT_MUST_USE bt_status bt_demo_seed(const bt_network *network, const uint8_t *data, size_t size,
                                   uint64_t *seed, bt_error *error);

/* Whether the data holds this parameter. */
int bt_demo_trains(const bt_parameter *parameter);

/* Writes the trained parameters over values[parameter_count], each array of its parameter's count; the data
 * has been checked by bt_demo_seed. */
void bt_demo_apply(const bt_network *network, const uint8_t *data, float *const *values);

#endif
