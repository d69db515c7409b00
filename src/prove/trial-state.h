/* What a trial knows while it runs, shared by the files that it is made of: trial.c puts things in order,
 * trial-record.c writes down what is tested, trial-images.c has what is sent, trial-paths.c compares the two
 * paths, trial-segment.c sends a piece of a scenario, trial-scenarios.c decides which piece is next and what
 * it shows, trial-capacity.c searches for a capacity, trial-live.c tells how it goes, trial-assist.c is another rank's part. What is tested is a service of
 * its own, or servers on the network, which trial-remote.c asks; trial-target.c sends to either. Nobody else
 * includes this. */
#ifndef BT_PROVE_TRIAL_STATE_H
#define BT_PROVE_TRIAL_STATE_H

#include "image/decode.h"
#include "load/generator.h"
#include "load/target-remote.h"
#include "load/target-service.h"
#include "prove/failures.h"
#include "prove/looks.h"
#include "prove/plan.h"
#include "prove/predict.h"
#include "prove/trial.h"
#include "serving/serving.h"

/* An answer that comes later than this, after the last send, is lost. Raised, an instance that hangs holds
 * the test up for longer; lowered, an overloaded service's late answers are told as lost ones. */
#define BT_TRIAL_DRAIN_NS (30 * BT_NS_PER_S)

/* The servers that are tested, where it is no service of the trial's own. */
typedef struct bt_trial_remote {
    bt_endpoints endpoints;
    bt_remote_server servers[BT_ENDPOINTS_MAX];
    bt_names names;
    bt_remote_model models[BT_NAMES_MAX];
    bt_client *client;
} bt_trial_remote;

/* What a trial must know of a model beside what the record says. */
typedef struct bt_trial_model {
    const bt_config_model *entry; /* the config's; NULL: there is none */
    int height, width;            /* of the images that are drawn for it */
    int64_t lone_ns, batch_ns;    /* typical runs of one image and of a full batch; 0 unknown */
    bool failover;
} bt_trial_model;

/* One trial under way. */
typedef struct bt_trial {
    const bt_trial_options *options;
    const bt_load_settings *settings;
    bt_load_record *record;
    bt_service *service;     /* NULL where servers are tested, */
    bt_trial_remote *remote; /* these */
    int model_count;
    const char *names[BT_NAMES_MAX];
    bt_trial_model models[BT_NAMES_MAX];
    int sides[BT_INPUTS_MAX]; /* of the images that are sent, where they were asked for */
    double side_weights[BT_INPUTS_MAX];
    int side_count;
    bt_picture pictures[BT_INPUTS_MAX]; /* to send, shared by all models; none: drawn ones */
    double picture_weights[BT_INPUTS_MAX];
    int picture_count;
    bool lost; /* some answer never came: if it does, it will still need its target and picture */
    bt_predict_model predict_models[BT_NAMES_MAX];
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    int instance_count;
    bt_predict_options predict;
    bt_plan plan;
    bool told_gone[BT_LOAD_SENDERS_MAX]; /* of the other senders, by rank */
    bool busy;                           /* others used the cores when it began */
    int64_t compare_ns;                  /* of comparing the paths, beside the plan */
    double done_ns;                      /* of both, for the progress line */
} bt_trial;

static inline double bt_trial_sla_ms(const bt_trial *t, int model) {
    return t->record->models[model].p95_sla_ms;
}

static inline bool bt_trial_stopped(const bt_trial *t) {
    return t->options->stop && *t->options->stop;
}

/* Whose a scenario is, for people: a model's name, or "all models". */
static inline const char *bt_trial_parts_name(const bt_trial *t, const bt_plan_scenario *plan) {
    return plan->part_count == 1 ? t->names[plan->parts[0].model] : "all models";
}

/* ---- trial.c ---- */

/* Everything but the record, which is the caller's. */
void bt_trial_release(bt_trial *t);

/* ---- trial-images.c ---- */

/* The sizes and pictures that were asked for. BT_INVALID names the flag. */
BT_MUST_USE bt_status bt_trial_read_images(bt_trial *t, bt_error *error);

/* The inputs of one model, and what they weigh: the pictures, or so many drawn images of each size. */
bt_load_images bt_trial_inputs(const bt_trial *t, int model, double weights[BT_INPUTS_MAX]);

/* For the record, and for people. */
void bt_trial_describe_images(const bt_trial *t, char words[BT_TEXT_SIZE]);

/* ---- trial-target.c ---- */

/* What load is sent to: one of them. */
typedef struct bt_trial_target {
    bt_service_target *service;
    bt_remote_target *remote;
} bt_trial_target;

/* Stream i is of the i'th of `models`, by the trial's indexes; `in_flight` as for bt_service_target_open. */
BT_MUST_USE bt_status bt_trial_target_open(bt_trial_target *out, const bt_trial *t,
                                           const bt_load_images *streams, const int *models, int count,
                                           int in_flight, bt_error *error);
bt_target bt_trial_target_of(const bt_trial_target *target);
/* Of the last request that failed; "" if none did. */
void bt_trial_target_failure(const bt_trial_target *target, char out[BT_ERROR_MESSAGE_SIZE]);
/* Where answers are missing they still need it: then it is left. */
void bt_trial_target_close(bt_trial *t, bt_trial_target *target, const bt_request_log *log);

/* ---- trial-remote.c ---- */

/* Whether addresses are such, and no setting is a server's own. BT_INVALID. */
BT_MUST_USE bt_status bt_trial_remote_check(const bt_load_settings *settings,
                                            const bt_option_sources *sources, bt_error *error);

/* Asks the servers what they are, chooses the models and reads what each takes. BT_IO where one is not there,
 * BT_INVALID for a model that is not, BT_UNSUPPORTED for one that takes no picture, or where servers differ. */
BT_MUST_USE bt_status bt_trial_remote_open(bt_trial *t, bt_error *error);
void bt_trial_remote_close(bt_trial *t); /* NULL-safe */

/* Of the record: the servers, and what a model's says of itself, its SLA among it. BT_INVALID where nobody says
 * what is promised, or how large its pictures are. */
void bt_trial_remote_describe(bt_trial *t);
BT_MUST_USE bt_status bt_trial_remote_describe_model(bt_trial *t, int model, bt_error *error);

/* What all servers together have counted of a model; BT_REMOTE_NO_STATS where one of them does not say. */
bt_remote_stats bt_trial_remote_stats(const bt_trial *t, int model);
/* Into a part: what was counted while it was sent. */
void bt_trial_remote_note(bt_load_part *part, const bt_remote_stats *meanwhile);

/* ---- trial-record.c ---- */

/* The record, with what is known of the test and of each model whose service has started. */
BT_MUST_USE bt_status bt_trial_open_record(bt_trial *t, bt_error *error);
/* Each model's memory, when everything has run: the peak stands. */
void bt_trial_note_memory(bt_trial *t);

/* ---- trial-paths.c ---- */

/* How long comparing all models' paths takes. */
int64_t bt_trial_compare_ns(const bt_trial *t);
BT_MUST_USE bt_status bt_trial_compare_paths(bt_trial *t, int model, bt_error *error);

/* ---- trial-live.c ---- */

/* One piece of the trial, as the live line shows it. */
typedef struct bt_trial_live {
    const bt_trial *t;
    const char *what;
    double before, share; /* of the whole: what was done before it, and what it is itself */
} bt_trial_live;

bt_trial_live bt_trial_go_live(bt_trial *t, const char *what, int64_t duration_ns);
/* bt_load_options.progress; the context is a bt_trial_live. */
void bt_trial_tell(void *context, const bt_load_moment *moment);

/* ---- trial-segment.c ---- */

/* One segment: how it was planned, and what came of sending it. */
typedef struct bt_trial_segment {
    bt_plan_scenario plan; /* of the segment */
    bt_schedule schedules[BT_NAMES_MAX];
    double weights[BT_NAMES_MAX][BT_INPUTS_MAX];
    bt_load_images inputs[BT_NAMES_MAX];
    bt_stream streams[BT_NAMES_MAX];
    bt_trial_target target;
    bt_request_log *log;
    bt_load_senders senders;
    bt_failures_seen before[BT_NAMES_MAX]; /* of each part's model, before it was sent */
    bt_failures failures[BT_NAMES_MAX];    /* and what came to them meanwhile */
    bt_remote_stats served[BT_NAMES_MAX];  /* what the servers counted meanwhile */
} bt_trial_segment;

/* Sends a segment and waits for its answers. *out is the caller's to close, after a failure too. */
BT_MUST_USE bt_status bt_trial_segment_send(bt_trial_segment **out, bt_trial *t, const bt_plan_scenario *plan,
                                            bt_error *error);
void bt_trial_segment_close(bt_trial_segment **segment); /* NULL-safe; nulls */

/* ---- trial-scenarios.c ---- */

/* Sends every scenario of the plan, once more what was disturbed, further what is not decided; sums up and
 * judges. */
BT_MUST_USE bt_status bt_trial_run_scenarios(bt_trial *t, bt_error *error);

/* Figures of a log, anew; and whether others disturbed it, or its senders did. */
BT_MUST_USE bt_status bt_trial_sum_up(const bt_trial *t, bt_load_scenario *scenario,
                                      const bt_plan_scenario *plan, const bt_request_log *log,
                                      const bt_load_senders *senders, const bt_schedule *schedules,
                                      const bt_look *look, bt_error *error);
/* What is predicted for the schedules that were sent. */
BT_MUST_USE bt_status bt_trial_predict_parts(const bt_trial *t, const bt_plan_scenario *plan,
                                             const bt_schedule *schedules, bt_load_scenario *scenario,
                                             bt_error *error);

/* ---- trial-capacity.c ---- */

/* Makes all runs of a scenario that searches for a capacity; sums up and judges. */
BT_MUST_USE bt_status bt_trial_find_capacity(bt_trial *t, const bt_plan_scenario *plan,
                                             bt_load_scenario *scenario, bt_error *error);

#endif
