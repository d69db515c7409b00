/* The settings of plan-replicas. */
#ifndef BT_SETTINGS_REPLICAS_H
#define BT_SETTINGS_REPLICAS_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whom the next request of a fleet goes to. */
typedef enum bt_balancing {
    BT_BALANCING_LEAST,      /* the replica that has fewest, in turn where several do */
    BT_BALANCING_ROUND_ROBIN /* in turn */
} bt_balancing;

typedef enum bt_replicas_format { BT_REPLICAS_TABLE, BT_REPLICAS_JSON } bt_replicas_format;

typedef struct bt_replicas_settings {
    char config[BT_OPTION_TEXT_SIZE];
    bt_names models;
    double rate, p95_sla_ms, headroom_percent; /* p95_sla_ms: 0 is each model's own */
    int balancing;                             /* bt_balancing */
    int64_t replicas;                          /* 0: as many as it takes */
    int64_t seed;
    int format; /* bt_replicas_format */
} bt_replicas_settings;

extern const bt_option bt_replicas_settings_table[];
extern const size_t bt_replicas_settings_count;

#ifdef __cplusplus
}
#endif
#endif
