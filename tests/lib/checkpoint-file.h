/* A network's numbers as a user's checkpoint would have them. */
#ifndef BT_TESTS_CHECKPOINT_FILE_H
#define BT_TESTS_CHECKPOINT_FILE_H

#include "networks/network.h"

/* Writes the weights that `source` names ("demo", "counter:7") as safetensors in FP32. */
BT_MUST_USE bt_status checkpoint_file_write(const char *path, const bt_network *network, const char *source,
                                            bt_error *error);

#endif
