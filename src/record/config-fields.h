/* The config file's keys, told once for reading (config.c) and writing (config-write.c). Only these include
 * this. */
#ifndef BT_RECORD_CONFIG_FIELDS_H
#define BT_RECORD_CONFIG_FIELDS_H

#include "record/config.h"
#include "record/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A table and its length. `others` are the keys that are no plain members; NULL ends them. */
typedef struct bt_config_keys {
    const bt_field *fields;
    size_t count;
    const char *const *others;
} bt_config_keys;

extern const bt_config_keys bt_config_top_keys, bt_config_model_keys, bt_config_point_keys,
    bt_config_instance_keys, bt_config_weights_keys;

/* An entry of which nothing is known. */
bt_config_model bt_config_model_empty(void);
bt_config_point bt_config_point_empty(void);

#ifdef __cplusplus
}
#endif
#endif
