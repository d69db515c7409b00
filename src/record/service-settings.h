/* How a service runs: the settings over its config file's values, and the one table that describes them.
 *
 * The library's `settings` text ("batch_size=4,max_queue_delay_ms=2"), bt_service_set, and the flags of every
 * command that runs a service all read this table. What nobody gave (its source is DEFAULT) comes from the
 * config file, and where that is silent from the tuning's own table (record/settings.h).
 */
#ifndef BT_RECORD_SERVICE_SETTINGS_H
#define BT_RECORD_SERVICE_SETTINGS_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_service_settings {
    /* may be changed while it runs */
    int64_t batch_size;        /* the largest batch; 0: the config's optimal_batch_size */
    double max_queue_delay_ms; /* 5 where the config is silent */
    int64_t max_queue_size;    /* 100 likewise */
    double p95_sla_ms;         /* what metrics judge by; 0: the config's */
    double timeout_ms;         /* of a request that names none; 0: none */
    /* fixed at open */
    char instances[BT_OPTION_TEXT_SIZE]; /* placement: see bt_placement_parse; "": the config's */
    char backend[BT_OPTION_TEXT_SIZE];   /* "torch", "sim:..."; "": the config's */
    char weights[BT_OPTION_TEXT_SIZE];   /* "": the config's */
    int64_t image_size;                  /* 0: the config's */
    bool admission;                      /* true: refuse what could not make its deadline */
    bool failover;                       /* true */
    double watchdog_ms;         /* a run is given up after it; 0: 1 s + 20 times its typical service time */
    int64_t breaker_failures;   /* 3 failed runs in a row open the breaker */
    double breaker_cooldown_ms; /* 1000 */
    double metrics_window_seconds; /* 60 */
    double spin_us;                /* how long a waiting thread looks before it sleeps; 0 */
} bt_service_settings;

extern const bt_option bt_service_settings_table[];
extern const size_t bt_service_settings_count;

/* How many of the table's first rows may change while a service runs. */
extern const size_t bt_service_settings_live;

#define BT_PLACEMENT_MAX 16

/* One model's instances, each with its device and, on a CPU, its threads and cores. */
typedef struct bt_placement {
    int count;
    struct {
        char device[64]; /* "cpu", "cuda:0" */
        int threads;     /* 0: all that the process may use */
        char cpus[64];   /* "0-3,8"; empty: wherever the system puts it */
    } instances[BT_PLACEMENT_MAX];
} bt_placement;

/* Reads a placement: "cuda:0,cuda:1" (one instance each), "cpu" (one, all cores), "2x1" (on the CPU: two
 * instances of one thread each on cores of their own, out of those this process may use), "cpu:0-3,cpu:4-7"
 * (on these cores). An entry may be led by a model's name and "=":
 * "hrnet=cuda:0,hrnet=cuda:1,cbam_resunet=cuda:1"; entries without one are for every model. Answers for
 * `model`; count 0 where the text says nothing of it. BT_INVALID names the entry and what would be right
 * (more threads than cores, cores that are not there). */
BT_MUST_USE bt_status bt_placement_parse(bt_placement *out, const char *text, const char *model,
                                         bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
