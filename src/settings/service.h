/* How a service runs: the settings over its config file's values, and the one table that describes them.
 *
 * The library's `settings` text ("batch_size=4,max_queue_delay_ms=2"), bt_service_set, and the flags of every
 * command that runs a service all read this table. What nobody gave (its source is DEFAULT) is the model's
 * own by its entry in the config file, or the file's, or the tuning's own table's default
 * (settings/tuning.h): see serving/served-model.h. */
#ifndef BT_SETTINGS_SERVICE_H
#define BT_SETTINGS_SERVICE_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_service_settings {
    /* may be changed while it runs */
    double p95_sla_ms;         /* of a request; 0: the config's */
    int64_t batch_size;        /* the largest batch; 0: the config's optimal_batch_size */
    double max_queue_delay_ms; /* the config's where nobody gave one */
    int64_t max_queue_size;    /* likewise */
    int policy;                /* bt_batcher_policy; likewise */
    double timeout_ms;         /* of a request that names none; 0: none */
    /* fixed at open */
    char instances
        [BT_OPTION_TEXT_SIZE]; /* placement: see bt_placement_parse; "auto": by prediction; "": the config's */
    char devices[BT_OPTION_TEXT_SIZE];    /* of "auto": what there is to place on, as of bt_placement_parse */
    char shares[BT_OPTION_TEXT_SIZE];     /* of "auto": "NAME=NUMBER,..."; "": equal */
    char backend[BT_OPTION_TEXT_SIZE];    /* "torch", "sim:..."; "": the config's */
    char weights[BT_OPTION_TEXT_SIZE];    /* "": the config's */
    char model_file[BT_OPTION_TEXT_SIZE]; /* "NAME=FILE,..."; once resolved, one model's; "": the config's */
    int64_t image_size;                   /* 0: the config's */
    int precision;                        /* bt_precision; the config's where nobody gave one */
    bool admission, failover, warm_up;
    double watchdog_ms; /* a run is given up after it; 0: 1 s + 20 times its typical service time */
    int64_t breaker_failures;
    double breaker_cooldown_ms;
    double metrics_window_seconds;
    double spin_us;
} bt_service_settings;

#define BT_INSTANCES_AUTO "auto"

extern const bt_option bt_service_settings_table[];
extern const size_t bt_service_settings_count;

/* How many of the table's first rows may change while a service runs. */
extern const size_t bt_service_settings_live;

#ifdef __cplusplus
}
#endif
#endif
