/* The config file that a tuning run leaves and a service starts from: which batch size for which model.
 *
 * People edit this file and other programs read it, so its keys are a promise (the first four of a model most
 * of all), a wrong key is refused by name rather than passed over, and what a person wrote is honoured, but
 * never passed off as measured. Each model's entry stands on its own: it carries the settings that hold for
 * it, its promise first of all, and tuning one model changes nothing that another runs by. The file's
 * `settings` are the latest run's, and hold for what an entry is silent about: for entries written by hand or
 * by an older batchtune. */
#ifndef BT_RECORD_CONFIG_H
#define BT_RECORD_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/files.h"
#include "record/fingerprint.h"
#include "record/sweep-record.h"
#include "settings/model-file.h"
#include "settings/placement.h"
#include "settings/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CONFIG_SCHEMA_VERSION 1

/* How many quantiles of its service time a batch size keeps. Simulations draw from them: with fewer, the rare
 * late run that P95 hangs on is smoothed away; more make a file longer that people read, and of the few
 * hundred samples of a run say nothing new. */
#define BT_CONFIG_QUANTILES 64

/* How many runs' order is kept at most: whole stretches of BT_CONFIG_STRETCH, evenly spread. Longer stretches hold
 * longer spells; more runs of them hold more spells, in a longer file. */
#define BT_CONFIG_RANKS   256
#define BT_CONFIG_STRETCH 64

#define BT_CONFIG_IDLE_MAX 16 /* pauses of which an entry knows what they cost */

/* What is known of one batch size. NaN where it is not. */
typedef struct bt_config_point {
    int batch_size;
    bt_outcome outcome;
    double p50_ms, p95_ms, p95_upper_ms, mean_ms; /* service time of a whole batch */
    double throughput_imgs_per_sec, efficiency, memory_mb;
    /* The service time's distribution: `quantile_count` (at most BT_CONFIG_QUANTILES) values, ascending and
     * evenly spaced in probability from the least sample to the greatest. A simulator draws from it by
     * interpolating at a uniform place. */
    double *service_ms_quantiles; /* owned */
    int quantile_count;
} bt_config_point;

/* Where the weights came from. Built-in ones ("demo", "counter:1") have no file. Those of a model file are
 * the file itself: all its packages, where "{batch}" stands in the path, as if they were one file. */
typedef struct bt_config_weights {
    char source[64];
    uint64_t hash; /* over the parameters' values, or a model file's bytes; 0 where unknown */
    char path[BT_MODEL_FILE_SIZE];
    int64_t size_bytes;
    char modified_at[32];  /* UTC; the latest of several files */
    uint64_t header_hash;  /* FNV-1a over the first 64 KiB of each file */
    uint64_t content_hash; /* over the whole of each */
} bt_config_weights;

/* How a precision and layout did at batch 1 before the sweep, the one that was taken among them. */
typedef struct bt_config_precision {
    char precision[BT_PRECISION_TEXT_SIZE];
    bool channels_last;
    double ratio; /* its speed over that of the one taken on the same cores; NaN where it was not measured */
    double mask_iou;                 /* NaN where masks were not compared */
    char why[BT_CONTENDER_WHY_SIZE]; /* it was not taken; "" for the one that was */
} bt_config_precision;

typedef struct bt_config_model {
    char name[BT_NAME_SIZE];
    int optimal_batch_size;
    double p95_latency_ms, throughput_imgs_per_sec, memory_usage_mb, p95_upper_bound_ms, efficiency_score;
    bool meets_sla;
    double p95_sla_ms; /* the SLA that meets_sla is about: settings.p95_sla_ms when it was tuned */
    double reachable_sla_ms;
    char memory_kind[16]; /* "device" or "process": whose memory memory_usage_mb is */
    char precision[16];   /* that was taken: see bt_config_model_precision */
    char precision_reason[BT_PRECISION_REASON_SIZE];   /* as in bt_model_record */
    bt_config_precision precisions[BT_CONTENDERS_MAX]; /* none where none were compared */
    int precision_count;
    char calibration
        [BT_CALIBRATION_NAME_SIZE]; /* of INT8: its scales' file, in the config's folder; "" where there is none */
    int image_size;
    int classes; /* that it tells apart, where those are several; else 0 */
    double speedup_over_single_image, mask_iou;
    double capacity_rps, recommended_rps, predicted_p95_ms; /* as in bt_model_record */
    int full_size;                                          /* 0: no full-size image was timed */
    double full_size_ms;
    char generated_at[32], run_id[64], runtime[64], machine_fingerprint[20];
    char model_file[BT_MODEL_FILE_SIZE]; /* a user's network, absolute; "" for a built-in one */
    bt_config_weights weights;
    bt_instance instances[BT_INSTANCES_MAX];
    int instance_count;
    bt_config_point *points; /* ascending by batch size; owned */
    int point_count;
    /* What a service's lane does around a run, for one image, as of bt_model_record: distributions as of the service
     * time. None in entries of before: what is predicted from those leaves it out. */
    double *prepare_ms_quantiles, *deliver_ms_quantiles; /* owned */
    int prepare_quantile_count, deliver_quantile_count;
    /* The order of its runs, of the size that was timed most often: of each where among them it stood, 0 the
     * shortest. Neighbours in blocks of `block_runs` depend on each other; where that is 1 they do not, and there are
     * no ranks. 0 in entries of before: what is predicted from those draws runs one by one. */
    int block_runs;
    int *run_ranks; /* owned */
    int run_rank_count;
    /* How much longer a run takes after a pause, ascending by the pause; in between by a straight line, beyond the last
     * as there. Count 0 where that is not known. */
    double idle_gap_ms[BT_CONFIG_IDLE_MAX], idle_extra_ms[BT_CONFIG_IDLE_MAX];
    int idle_count;
    /* What other models of the same service cost its runs; none where it was tuned alone, and in entries of before: what is
     * predicted from those has runs of several models change each other's waiting only. */
    bt_neighbour_cost neighbours[BT_NEIGHBOURS_MAX];
    int neighbour_count;
    bt_settings settings;      /* that hold for it: its own over the file's */
    char workload[32];         /* what its figures are of: as bt_config's */
    bool provisional;          /* optimal_batch_size was not shown to keep the SLA, nor to break it */
    bool unmeasurable;         /* a run could not measure it: there are no figures, and it is not served */
    char reason[BT_TEXT_SIZE]; /* for either; else "" */
    /* What people do to the file. A batch size without a measured point has no figures (NaN) and meets no
     * SLA; one that was changed to another measured size has that size's. */
    bool measured; /* there is a measured point of optimal_batch_size */
    bool edited;   /* optimal_batch_size is not the one that the run chose */
} bt_config_model;

typedef struct bt_config {
    json_t *json;            /* the document as it was read, owned */
    char path[BT_PATH_SIZE]; /* of the file; "" where it is of no file */
    int schema_version;
    char generated_at[32], tool_version[32], run_id[64];
    char workload[32]; /* "production", "cpu-demo" or "simulated": the latest run's */
    bt_machine machine;
    bt_subject subject;
    bt_settings settings;
    bt_option_sources sources; /* CONFIG for what the file says */
    bt_config_model *models;   /* in the file's order; owned */
    int model_count;
} bt_config;

/* Reads a config file. Only schema_version, configurations and a model's optimal_batch_size must be there;
 * what is there must be right. BT_IO where there is no file, BT_PARSE with file, place and key for anything
 * unknown, of the wrong type or out of bounds, BT_UNSUPPORTED for a newer schema, BT_NO_MEMORY. The caller
 * owns *out. */
BT_MUST_USE bt_status bt_config_load(bt_config **out, const char *path, bt_error *error);

/* The same of a document that is read already, which a pipe gives once; `path` is what it is called. */
BT_MUST_USE bt_status bt_config_from_json(bt_config **out, json_t *top, const char *path, bt_error *error);

/* The same for a program with a --config flag: where there is no file, the message says how to get one. */
BT_MUST_USE bt_status bt_config_load_flag(bt_config **out, const char *path, bt_error *error);

void bt_config_close(bt_config **config); /* NULL-safe; nulls */

/* What a file would say of a model that nobody has tuned: batches of one, all else at its default, on this
 * machine. BT_PARSE for a name that is none, BT_NO_MEMORY. The caller owns *out. */
BT_MUST_USE bt_status bt_config_untuned(bt_config **out, const char *model, bt_error *error);

/* The model called `name`, or NULL. */
const bt_config_model *bt_config_find(const bt_config *config, const char *name);

/* BT_INVALID for a model that the config does not have; the message lists those that it has. */
bt_status bt_config_fail_model(const bt_config *config, const char *name, bt_error *error);

/* That for the first of `names` that it does not have; else BT_OK. */
BT_MUST_USE bt_status bt_config_check_names(const bt_config *config, const bt_names *names, bt_error *error);

/* The point of a batch size, or NULL. */
const bt_config_point *bt_config_model_point(const bt_config_model *model, int batch_size);

/* What the model called `name` costs this one, or NULL. */
const bt_neighbour_cost *bt_config_neighbour(const bt_config_model *model, const char *name);

/* What a session of the entry is to be opened in: the precision that was taken, where ways of running were compared,
 * else what its settings ask for. Entries of before name a precision that nobody compared. */
bt_precision bt_config_model_precision(const bt_config_model *model);

/* How a model's calibration is called beside the config at `path`: "production_batch_config.hrnet.calibration.json". */
void bt_config_calibration_name(char out[BT_CALIBRATION_NAME_SIZE], const char *path, const char *model);

/* Where the calibration is that an entry of the config at `path` names; "" where it names none. BT_INVALID where the
 * path is too long. */
BT_MUST_USE bt_status bt_config_calibration_path(char out[BT_PATH_SIZE], const char *path,
                                                 const bt_config_model *model, bt_error *error);

/* Copies the calibrations of the entries that a run makes in INT8 from the run's folder to where the config at `path`
 * wants them, which is written next. BT_IO, BT_NOT_WRITTEN, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_keep_calibrations(const bt_record *record, const char *folder,
                                                  const char *path, bt_error *error);

/* The entry that a run leaves for a model that it has a choice for, exactly as the file will hold it: numbers
 * are rounded as they are written, and each point's samples are its quantiles. So what is predicted from it
 * is what a reader of the file predicts. BT_INVALID for a model without a choice, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_model_open(bt_config_model *out, const bt_record *record,
                                           const bt_model_record *model, bt_error *error);
void bt_config_model_close(bt_config_model *model); /* NULL-safe; may be called twice */

/* The config file that a run leaves: a new document, the caller's. Models that the run has a choice for get
 * entries anew. Other models of `before` (may be NULL) keep theirs and their places: an entry that was silent
 * about some setting now says itself what held for it, since the file's settings become the run's. A model
 * that could not be measured and has no entry gets one that says so. Comments ("$...", "_...") stay. Where
 * the run changes no entry, the document is `before`'s. */
BT_MUST_USE bt_status bt_config_from_record(json_t **out, const bt_record *record, const bt_config *before,
                                            bt_error *error);

/* BT_INVALID where entries for `models`, made by a run of this workload at this image size, would take the
 * place of a measured entry that says more: a simulation's that of anything measured, a CPU demonstration's
 * that of a GPU or of full-size images. The message names the entry, what it was measured as, and the ways
 * out. `path` is what the file is called. */
BT_MUST_USE bt_status bt_config_check_replace(const bt_config *before, const char *path,
                                              const bt_names *models, const char *workload, int image_size,
                                              bt_error *error);

/* Writes a document by atomic replace; what was there is kept beside it as .bak. */
BT_MUST_USE bt_status bt_config_save(const json_t *json, const char *path, bt_error *error);

/* What the run changes against `before` (may be NULL), a line for each model: "hrnet: batch 4 -> 8, P95 81.0
 * -> 95.2 ms, 20.1 -> 27.9 img/s"; for one that could not be measured, why, and what its entry is then.
 * Without `before` only the latter. Returns how many lines (at most 8: a record has room for that many). */
int bt_config_changes(const bt_config *before, const bt_record *record, char lines[8][BT_TEXT_SIZE]);

/* Whether a weights file is as recorded: a phrase for people into `out` ("the same size, time and header").
 * `thorough` hashes the whole file. False where it differs or is gone; built-in weights are always as
 * recorded. */
bool bt_config_weights_check(const bt_config_weights *weights, bool thorough, char *out, size_t size);

/* Fills in path, size, time and hashes of a weights file, or of a model file. BT_IO. */
BT_MUST_USE bt_status bt_config_weights_describe(bt_config_weights *weights, const char *path,
                                                 bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
