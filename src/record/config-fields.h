/* The config file's keys, told once for reading (config.c) and writing (config-entry.c, config-write.c). Only
 * these include this. */
#ifndef BT_RECORD_CONFIG_FIELDS_H
#define BT_RECORD_CONFIG_FIELDS_H

#include "base/fields.h"
#include "record/config.h"

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
    bt_config_precision_keys, bt_config_instance_keys, bt_config_weights_keys, bt_config_neighbour_keys;

/* Whether a choice of that outcome is provisional: neither shown to keep the SLA nor to break it. */
bool bt_config_is_provisional(bt_outcome outcome);

/* The point that a run chose of a model, NULL where it chose none. */
const bt_point *bt_config_choice(const bt_model_record *model);

/* Whether its entry runs by a calibration. */
bool bt_config_needs_calibration(const bt_model_record *model);

/* Why a run chose none, for people: what speaks against the smallest size that was tried. */
void bt_config_why_not(char out[BT_TEXT_SIZE], const bt_model_record *model);

/* The entry that a model without a choice gets. It owns nothing. Its batches of one are what a reader may
 * take that knows no better. */
void bt_config_model_unmeasurable(bt_config_model *out, const bt_record *record,
                                  const bt_model_record *model);

/* The order of the runs of the size that a run timed most often. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_take_order(bt_config_model *out, const bt_model_record *model,
                                           bt_error *error);
/* The same out of an entry whose fields are read; there may be none. BT_PARSE, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_read_order(const json_t *object, bt_config_model *model, const char *where,
                                           bt_error *error);

/* What other models cost its runs, out of a run's record, and out of an entry whose fields are read. BT_PARSE,
 * BT_NO_MEMORY. */
void bt_config_take_neighbours(bt_config_model *out, const bt_model_record *model);
BT_MUST_USE bt_status bt_config_read_neighbours(const json_t *object, bt_config_model *model,
                                                const char *where, bt_error *error);

/* An entry of which nothing is known. */
bt_config_model bt_config_model_empty(void);
bt_config_point bt_config_point_empty(void);

#ifdef __cplusplus
}
#endif
#endif
