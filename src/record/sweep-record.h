/* The result record: the only bridge between measuring and everything that prints, plots or judges.
 *
 * A tuning run fills one bt_record; scoring writes its verdicts into it; tables, plots, reports, the config
 * file and the gate read it and never measure. As a file it is one versioned JSON document that holds every
 * sample, so whatever was printed can be made again from it. Numbers that are not known are NaN here and null
 * there, never a guess. */
#ifndef BT_RECORD_SWEEP_RECORD_H
#define BT_RECORD_SWEEP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/command.h"
#include "base/error.h"
#include "base/throttle.h"
#include "record/fingerprint.h"
#include "record/neighbours.h"
#include "record/rate-curve.h"
#include "record/replicas.h"
#include "settings/model-file.h"
#include "settings/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_RECORD_SCHEMA_VERSION 1
#define BT_TEXT_SIZE             512       /* of a sentence in a record */
#define BT_MODELS_MAX            64        /* of a record, of a config */
#define BT_FULL_IMAGE_SIZE       1024      /* what the networks are for: a CPU demonstration times one */
#define BT_MIB                   1048576.0 /* bytes: the unit of memory in a record */

/* What came of one point (one batch size of one model). */
typedef enum bt_outcome {
    BT_OUTCOME_MEASURED,      /* admissible: P95 <= SLA shown, memory within the reserve, masks agree */
    BT_OUTCOME_OVER_SLA,      /* P95 > SLA shown */
    BT_OUTCOME_UNDECIDED,     /* neither shown within the budget */
    BT_OUTCOME_OUT_OF_MEMORY, /* tried, and the device or the kernel refused */
    BT_OUTCOME_OVER_MEMORY,   /* ran, but its high-water mark breaks the reserve */
    BT_OUTCOME_PREDICTED_OVER_MEMORY, /* not tried: the fit of smaller ones says it would break the reserve */
    BT_OUTCOME_CRASHED,               /* the worker died or the backend failed */
    /* not confirmed: a confirmed point beats it under every objective, or it is late beyond doubt because a
     * smaller batch already is */
    BT_OUTCOME_SKIPPED_DOMINATED,
    BT_OUTCOME_MASK_DISAGREES, /* masks differ from the FP32 reference's more than allowed */
    BT_OUTCOME_COUNT
} bt_outcome;

/* One measured (or refused) batch size. Durations in milliseconds: these are service times of whole
 * batches. */
typedef struct bt_point {
    int batch_size;
    bt_outcome outcome;
    char why[BT_TEXT_SIZE]; /* one phrase: why it won or lost; for people */
    double *samples_ms;     /* in the order taken; owned by the record */
    int sample_count;
    double p50_ms, p95_ms;
    double p95_lower_ms, p95_upper_ms; /* at 95 % one-sided; NaN where they do not exist */
    double mean_ms;
    /* instances * batch size / median service time: a neighbour's noise moves the mean, of short runs more
     * than of long ones */
    double throughput_imgs_per_sec;
    double efficiency;        /* throughput / sqrt(batch size) */
    double effective_samples; /* sample_count less what autocorrelation takes away */
    int block_runs; /* samples in a row that depend on each other (bt_block_length); 0 in older records */
    bool drifting;  /* the series was not stationary */
    double late_budget_ms;       /* worst wait + service of a request: max_queue_delay + 2 * P95 */
    double memory_mb;            /* high-water mark attributable to the model (MiB) */
    double memory_total_used_mb; /* the same with everything else on the device or in the process */
    double memory_predicted_mb;  /* by the fit, for a point that was not run */
    /* relative L2 error of centred logits (or probabilities, where the model gives those) against the
     * standard path; NaN if unknown */
    double logit_error;
    double mask_iou;      /* against the standard path's masks; NaN if unknown */
    bool on_pareto_front; /* of the points not found wanting, none has both more throughput and less P95 */
    /* With --objective capacity: what is predicted of a service whose batches are of up to this size, with the queue
     * delay that suits it best. NaN and empty else, and in older records. */
    double best_delay_ms, capacity_rps; /* capacity as of the model, below */
    double rate_p95_ms;                 /* at the model's rate; NaN where that is not held */
    bt_rate_curve predicted;
} bt_point;

/* M(b) = base + per_image * b, least squares over the ascending pass, in MiB. */
typedef struct bt_memory_fit {
    char precision[8];
    double base_mb, per_image_mb; /* NaN where fewer than two sizes ran */
    int points;
    int64_t largest_batch; /* that total * (1 - reserve) would allow; 0 where unknown */
} bt_memory_fit;

#define BT_DIVISIONS_MAX 5

/* The pauses after which runs are timed: none, about a frame's, and one after which clocks have come down. */
#define BT_IDLE_GAPS 3
extern const double bt_idle_gaps_ms[BT_IDLE_GAPS];

/* One way of sharing a CPU's cores out, as it did before the sweep: batches of one, every instance busy. */
typedef struct bt_division {
    int instances, threads; /* threads: of each instance; 0 where the system shares them out */
    double median_ms;       /* NaN where it was not tried, or failed */
    double throughput_imgs_per_sec;
    double promise; /* of its best contender */
} bt_division;

#define BT_PRECISION_TEXT_SIZE   8   /* of a precision's name in a record */
#define BT_CONTENDER_WHY_SIZE    160 /* of why it was not taken */
#define BT_PRECISION_REASON_SIZE 256
#define BT_CALIBRATION_NAME_SIZE 256 /* of its file, without the folder */
#define BT_CONTENDERS_MAX        (4 * BT_DIVISIONS_MAX)

/* One way of running a model: a precision and a layout on cores shared out so. The ways were compared before the
 * sweep by batches of one, every instance busy; the sweep measured the one that was taken. */
typedef struct bt_contender {
    char precision[BT_PRECISION_TEXT_SIZE];
    bool channels_last;
    int instances, threads; /* as of a division */
    double median_ms;       /* NaN where it was not tried, or failed */
    double throughput_imgs_per_sec;
    /* Its throughput over that of the one taken, or its promise where that decided against it; on the same cores where
     * it is another precision or layout; NaN where that is unknown. */
    double ratio;
    /* Of all pictures, against the masks of the contender in FP32, or the standard path's where that was not
     * measured; NaN where they were not compared. */
    double mask_iou;
    bool may_win; /* false: measured only so that it can be told */
    bool taken;
    char why[BT_CONTENDER_WHY_SIZE]; /* why it was not taken; "" for the one that was */
    /* The best score by the run's objective, of all instances, that batches up to the largest one measured showed; by
     * the throughput alone where that is one. */
    double promise;
    int largest_batch;
} bt_contender;

/* One model's part of a run. */
typedef struct bt_model_record {
    char model[BT_NAME_SIZE], title[BT_NAME_SIZE];
    int image_size;
    char precision[BT_PRECISION_TEXT_SIZE], precision_note[160];
    /* empty, or why it is that precision, by measurement: "FP32 taken: BF16 runs at 0.61 of its speed here" */
    char precision_reason[BT_PRECISION_REASON_SIZE];
    /* of INT8: the file with the scales, in the run's folder; "" where there is none */
    char calibration[BT_CALIBRATION_NAME_SIZE];
    char path_note[200];            /* empty, or why the path is not the one that settings.path asks for */
    char output_note[BT_TEXT_SIZE]; /* empty, or what is odd about what it gave for the pictures */
    int instances; /* that ran at the same time while a batch was timed; throughput is all of theirs */
    int threads;   /* of each */
    int classes;   /* that it tells apart; 1: it gives a mask; 0 in older records */
    bt_division divisions[BT_DIVISIONS_MAX]; /* compared before the sweep; none: nothing to choose from */
    int division_count;
    bt_contender contenders[BT_CONTENDERS_MAX]; /* compared before the sweep, the divisions among them */
    int contender_count;
    double contest_s; /* that the comparison took; NaN where there was none */
    char device[128], backend[64], backend_detail[256];
    char weights_source[64];
    char weights_path[BT_MODEL_FILE_SIZE]; /* of a checkpoint's file, absolute; "" for built-in weights */
    /* of a user's network, absolute, "{batch}" and all; "" for a built-in network */
    char model_file[BT_MODEL_FILE_SIZE];
    uint64_t weights_hash;
    bool trained_weights, computes_masks;
    bt_point *points; /* ascending by batch size; owned */
    int point_count;
    /* the standard path, one image, interleaved with the points; owned; may be NULL */
    double *standard_samples_ms;
    int standard_sample_count;
    double standard_median_ms; /* NaN if not measured */
    /* Of one image, what a service's lane does around a run: before it (the picture resized and normalised, or sent to
     * a device that does that) and after it (the mask made and resized). In the order taken; owned; none in older
     * records. */
    double *prepare_samples_ms, *deliver_samples_ms;
    int prepare_sample_count, deliver_sample_count;
    /* Batches of one after pauses of bt_idle_gaps_ms by turns; owned; none in older records, nor where nobody asked. And
     * how much longer than without one they took, typically: 0 where that is within noise. */
    double *idle_samples_ms;
    int idle_sample_count;
    double idle_extra_ms[BT_IDLE_GAPS];
    /* Runs beside each other model of the run; owned; none in older records, and in runs of one model. */
    bt_neighbour_times *neighbours;
    int neighbour_count;
    double memory_total_mb; /* of the device, or what the process may use */
    bool device_memory;
    bt_memory_fit production_memory, standard_memory;
    int full_size;              /* 1024 where a CPU demonstration timed one such image for scale, else 0 */
    double full_size_ms;        /* NaN if not timed */
    double measuring_s;         /* wall-clock time spent on this model */
    int turns, disturbed_turns; /* of timed runs; disturbed: others used the cores meanwhile */
    bt_throttling throttling;   /* of the control group, while runs were timed */
    bool interrupted;           /* the run was stopped before this model was decided */
    /* scoring's verdict; indexes into points, -1 for none */
    /* by objectives not asked for a point may be merely screened: see its outcome */
    int winners[BT_OBJECTIVE_COUNT];
    /* what the config gets: an admissible point, or a provisional one for want of any: then meets_sla is
     * false */
    int chosen;
    bool meets_sla;
    char reason[BT_TEXT_SIZE]; /* why no batch size is admissible, for people; "" where one is */
    bool batching_pays;        /* the chosen batch size is above 1, by the objective asked for */
    /* the lowest SLA that could be shown to hold (lowest P95 upper bound); NaN if none */
    double reachable_sla_ms;
    double speedup_over_single_image; /* chosen point's throughput / the standard path's, one image; NaN */
    /* With --objective capacity: the requests a second that --rate expects, NaN where it names none; whether the choice
     * holds them, and where it does not, how many instances would, 0 for unknown; and the queue delay that was chosen
     * with the batch size, NaN where that is the settings'. */
    double rate_rps;
    bool rate_held;
    int rate_instances;
    double queue_delay_ms;
    /* Of requests, which wait as well as being served, under the same p95_sla_ms; simulated for the chosen
     * point on one instance. NaN where nothing is chosen or it does not meet the SLA, and in older
     * records. */
    double capacity_rps;    /* highest rate up to which P95 keeps the SLA and nothing is lost; 0: none does */
    double recommended_rps; /* with room to spare */
    double predicted_p95_ms; /* at the recommended rate; NaN where the capacity is 0 */
    /* Of --plan-rate: rate_rps is 0 where that was not asked, and in older records. */
    bt_replicas_plan replicas;
    char advice[BT_TEXT_SIZE]; /* one closing sentence: what to do */
} bt_model_record;

typedef struct bt_record {
    char run_id[64];                    /* the folder's name under results/ */
    char command[BT_COMMAND_LINE_SIZE]; /* what repeats it, as a shell line */
    char started_at[32], finished_at[32];
    char workload[32]; /* "production" or "cpu-demo" */
    /* what was run on, for people: "synthetic spheroids", "8 pictures of ..."; "" in older records */
    char images[BT_TEXT_SIZE];
    bt_machine machine;
    bt_subject subject;
    bt_settings settings;
    bt_option_sources sources;
    bt_model_record *models; /* owned */
    int model_count;
    double joint_memory_mb, joint_memory_limit_mb; /* of the chosen batch sizes together; NaN if unknown */
    bool joint_memory_fits;
    char joint_memory_note[BT_TEXT_SIZE]; /* empty, or what had to give way */
    double measuring_s;
    char verdict[32];              /* "good", "failed", "sla-broken", "inconclusive", "interrupted" */
    int verdict_code;              /* the command's exit code */
    char previous_run[64];         /* the run_id behind the config file as it was; empty if none */
    char changes[8][BT_TEXT_SIZE]; /* against the config file as it was: "hrnet: batch 4 -> 8, ..." */
    int change_count;
} bt_record;

/* An empty record with room for `model_count` models: NaN where nothing is known, -1 for no winner. The
 * caller owns it. */
BT_MUST_USE bt_status bt_record_open(bt_record **out, int model_count, bt_error *error);
void bt_record_close(bt_record **record); /* NULL-safe; nulls */

/* Adds an empty point for `batch_size` to a model, keeping the points in ascending order and the winners' and
 * the choice's indexes on the points they meant; where there is one of that size already, that one. Returns
 * it (the record owns it; pointers to other points of the model become invalid), or NULL when memory is
 * short. */
bt_point *bt_record_add_point(bt_model_record *model, int batch_size);
/* Makes room for BT_NEIGHBOURS_MAX neighbours of a model that has none. */
BT_MUST_USE bt_status bt_model_add_neighbours(bt_model_record *model, bt_error *error);
/* Adds `more` samples behind the first *count of an array that the record owns, NULL while it is empty. */
BT_MUST_USE bt_status bt_samples_add(double **samples_ms, int *count, const double *more_ms, int more,
                                     bt_error *error);
BT_MUST_USE bt_status bt_point_add_samples(bt_point *point, const double *samples_ms, int count,
                                           bt_error *error);

/* Writes and reads the file form. Reading checks everything it relies on: BT_PARSE names the file and the
 * key; a schema version above BT_RECORD_SCHEMA_VERSION is BT_UNSUPPORTED ("written by a newer batchtune"). */
BT_MUST_USE bt_status bt_record_save(const bt_record *record, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_record_load(bt_record **out, const char *path, bt_error *error);
/* Of a document that is read already, which a pipe gives once; `where` is what it is called. */
BT_MUST_USE bt_status bt_record_from_json(bt_record **out, const json_t *top, const char *where,
                                          bt_error *error);
BT_MUST_USE bt_status bt_record_to_json(const bt_record *record, json_t **out, bt_error *error);

/* What a tuning run showed of a model's SLA: broken too where the rate that was asked for is not held under it. Not shown is neither: something is undecided, or nothing could
 * be measured. */
typedef enum bt_sla_state { BT_SLA_MET, BT_SLA_BROKEN, BT_SLA_NOT_SHOWN } bt_sla_state;
bt_sla_state bt_model_sla_state(const bt_model_record *model);

/* Whether they are of one precision and layout; whether they share the cores out alike. */
bool bt_contender_same_kind(const bt_contender *a, const bt_contender *b);
bool bt_contender_same_division(const bt_contender *a, const bt_contender *b);

/* The way of running that the sweep measured; NULL where none was compared. */
const bt_contender *bt_model_contender(const bt_model_record *model);

/* Of all contenders in the precision and layout of that one, the one to tell: on the cores of the one taken, where it
 * was measured on them. NULL where one before it is of that kind. */
const bt_contender *bt_model_told_contender(const bt_model_record *model, int index);

/* "chosen", "provisional" or "none": what becomes of a model's choice. Never NULL. */
const char *bt_model_choice(const bt_model_record *model);

/* "measured", "over_sla", ...: what files call it; never NULL. */
const char *bt_outcome_name(bt_outcome outcome);
/* The other way round; false where no outcome is called so. */
bool bt_outcome_find(const char *name, bt_outcome *out);

#ifdef __cplusplus
}
#endif
#endif
