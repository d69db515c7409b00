/* A network's numbers as a user's checkpoint would have them. */
#ifndef BT_TESTS_CHECKPOINT_FILE_H
#define BT_TESTS_CHECKPOINT_FILE_H

#include "networks/network.h"

/* Weights by their source ("demo", "counter:7"), and what stands before their names ("" or "model"). */
typedef struct checkpoint_file_copy {
    const char *source, *prefix;
} checkpoint_file_copy;

/* Writes as many copies of a network's weights as safetensors in FP32. */
BT_MUST_USE bt_status checkpoint_file_write(const char *path, const bt_network *network,
                                            const checkpoint_file_copy *copies, int count, bt_error *error);

#endif
