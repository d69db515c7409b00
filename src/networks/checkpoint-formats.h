/* The formats that exist, for checkpoint-open.c alone: each is defined in the file of its name. */
#ifndef BT_NETWORKS_CHECKPOINT_FORMATS_H
#define BT_NETWORKS_CHECKPOINT_FORMATS_H

#include "networks/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const bt_checkpoint_format bt_checkpoint_safetensors, bt_checkpoint_torch_archive,
    bt_checkpoint_torch_legacy, bt_checkpoint_shards;

#ifdef __cplusplus
}
#endif
#endif
