/* What a tuning run is asked to do: the settings, and the one table that describes them.
 *
 * The vocabulary is the config file's ("p95_sla_ms", "memory_reserve_percent", ...): users know these words
 * from there. Commands that need only some of the options pick rows of this table by name rather than
 * describing them again. */
#ifndef BT_SETTINGS_TUNING_H
#define BT_SETTINGS_TUNING_H

#include "base/options.h"
#include "settings/precision.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The config that optimize-batch writes and everybody else reads, unless told otherwise. */
#define BT_USUAL_CONFIG "configs/production_batch_config.json"

/* What "best" means, among the admissible batch sizes. */
typedef enum bt_objective {
    BT_OBJECTIVE_EFFICIENCY, /* highest throughput / sqrt(batch size) */
    BT_OBJECTIVE_THROUGHPUT, /* most images per second */
    BT_OBJECTIVE_LATENCY,    /* shortest service time */
    /* most requests a second whose P95, waiting included, keeps the SLA; at a rate that is given, the lowest such P95 */
    BT_OBJECTIVE_CAPACITY,
    BT_OBJECTIVE_COUNT
} bt_objective;

typedef enum bt_format {
    BT_FORMAT_TABLE,
    BT_FORMAT_JSON,
    BT_FORMAT_CSV,
    BT_FORMAT_MARKDOWN,
    BT_FORMAT_HTML
} bt_format;

typedef struct bt_settings {
    /* the promise */
    double p95_sla_ms;
    double memory_reserve_percent;
    int objective; /* bt_objective */
    double min_mask_iou;
    /* the network and how it runs */
    bt_names models;
    int64_t image_size; /* pixels, square; 0: by device */
    int path;           /* bt_path: standard, plain, production */
    bool use_amp, use_channels_last, use_cudnn_benchmark;
    int precision;                        /* bt_precision */
    char device[BT_OPTION_TEXT_SIZE];     /* "auto", "cpu", "cuda:N" */
    char backend[BT_OPTION_TEXT_SIZE];    /* "torch", "plan", "sim:..." */
    char weights[BT_OPTION_TEXT_SIZE];    /* "demo", "counter:SEED" */
    char model_file[BT_OPTION_TEXT_SIZE]; /* "NAME=FILE,...": see settings/model-file.h */
    char images[BT_OPTION_TEXT_SIZE];     /* a folder of pictures to run on; "": synthetic ones */
    double white;                         /* the pictures' stored value that is white; 0: what they say */
    int64_t page;                         /* of TIFF files, from 1; 0: the first */
    int64_t threads;                      /* of one instance on a CPU; 0: all that the process may use */
    int64_t instances;                    /* on a CPU; 0: what a comparison finds best */
    /* the service the answer is for */
    double max_queue_delay_ms;
    int64_t max_queue_size;
    int policy;                     /* bt_batcher_policy */
    char rate[BT_OPTION_TEXT_SIZE]; /* "R" or "NAME=R,...": requests/s that are expected; "": not said */
    /* the search */
    bt_sizes batches;
    int64_t time_budget_ns; /* of measuring, all models together */
    int64_t seed;
    /* this one run */
    bool resume, require_sla, force, quiet, mpi;
    int format; /* bt_format, of what is printed */
    char output[BT_OPTION_TEXT_SIZE];
    char export_triton[BT_OPTION_TEXT_SIZE];                       /* a folder; "": none */
    double plan_rate;                                              /* requests/s of each model; 0: no plan */
    char results[BT_OPTION_TEXT_SIZE], plots[BT_OPTION_TEXT_SIZE]; /* folders */
    char config[BT_OPTION_TEXT_SIZE], profile[BT_OPTION_TEXT_SIZE];
} bt_settings;

extern const bt_option bt_settings_table[];
extern const size_t bt_settings_count;

/* The rows that hold for one model: what an entry of the config file may say in its own `settings`, over the
 * file's. `count` receives how many. Made at the first call, constant after; any thread. */
const bt_option *bt_settings_model_table(size_t *count);

/* Reads the settings of configs/profiles/<name>.json, looked for under the current folder and then in the
 * source tree that the program was built in, or beside the installed program's prefix. BT_INVALID where there
 * is none (the message lists those that are), else as bt_options_read_json. */
BT_MUST_USE bt_status bt_settings_read_profile(bt_settings *settings, bt_option_sources *sources,
                                               const char *name, bt_error *error);

/* Reads the settings of the file that --config named; nothing where it named none. */
BT_MUST_USE bt_status bt_settings_read_config(bt_settings *settings, bt_option_sources *sources,
                                              bt_error *error);

/* Requests a second that any command may be asked about: at a lower rate nothing would come in the time that anyone
 * simulates or sends. */
#define BT_RATE_LEAST_RPS 0.001
#define BT_RATE_MOST_RPS  1e9

/* What `rate` says of a model, in requests/s; 0: nothing. BT_INVALID where it is no rate. */
BT_MUST_USE bt_status bt_settings_rate(double *out, const bt_settings *settings, const char *model,
                                       bt_error *error);

/* "efficiency", ...; never NULL. */
const char *bt_objective_name(bt_objective objective);

#ifdef __cplusplus
}
#endif
#endif
