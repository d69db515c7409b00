/* bench-predictions: P95 as the simulator predicts it beside what a live service shows, cell by cell: batch sizes,
 * queue delays and loads up to 85 % of the capacity, each on the very schedule that is sent. The simulated backend is
 * timed, its samples go into a record and from there into a config, which is served, without noise and with it. Its runs
 * sleep, and wake as late as the machine lets them: so each cell is predicted twice, from the times that were measured
 * before, as users predict, and from what its runs then took, which leaves the queue and the batches to be predicted.
 * Two simulated models that slow each other are served at once, too. A config that is given has its models tested, each
 * alone and all together, from its own times.
 *
 * On one schedule P95 still spreads with what is drawn for each run, and the shorter a cell the more. By how much is
 * simulated before anything is sent: with a percentage in place of seconds each cell is as long as it takes for 95 % of
 * simulations to be within that of their median, CELL_S_MOST at the most. --plan only says how long that would take.
 * Prints figures and judges none. bench-predictions [--plan] [CONFIG] [SECONDS | PERCENT%]: of each cell, 1.5 s by
 * default. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/json.h"
#include "base/text.h"
#include "load/target-service.h"
#include "prove/predict.h"
#include "prove/sum.h"
#include "record/config.h"
#include "report/load-words.h"
#include "serving/serving.h"
#include "tune/score.h"
#include "tune/team.h"

#define SAMPLES       80
#define STOP_MS       10000
#define RUN_REACH     32 /* requests between which one run's lie */
#define CLOSE_PERCENT 9.0
#define CELL_S        1.5
#define CELL_S_MOST   120.0 /* longer: the few cells near the capacity that stay uncertain take hours */
#define CELL_LONGER   1.5   /* lengths that are tried: each so many times the last */
#define SPREAD_SEEDS  24

/* What the two simulated models do to each other. */
#define PAIR_BACKEND  "sim:tau0_ms=4,alpha_ms=2,noise=0,neighbour=1.6,switch_ms=1"
#define PAIR_SLOWDOWN 1.6
#define PAIR_SWITCH   1.0

static const int sizes[] = {1, 2, 4, 8};
static const double delays_ms[] = {0, 2, 5};
static const double loads[] = {0.3, 0.5, 0.7, 0.85};

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "bench-predictions: %s\n", error->message);
    exit(1);
}

/* ---- a config of the simulated backend, by its own samples ---- */

static void time_sizes(bt_model_record *model, const char *backend) {
    const bt_session_options options = {
        .backend = backend, .model = "hrnet", .weights = "demo", .device = "cpu", .height = 1, .width = 1};
    float images[3 * 8] = {0}, logits[8];
    bt_team *team;
    bt_error error;
    must(bt_team_open(&team, &options, 1, &error), &error);
    for (int i = 0; i < COUNT(sizes); i++) {
        double samples_ms[SAMPLES];
        bt_point *point = bt_record_add_point(model, sizes[i]);
        must(bt_team_prepare(team, sizes[i], 1, &error), &error);
        must(bt_team_time(team, sizes[i], SAMPLES, images, logits, samples_ms, &error), &error);
        must(bt_point_add_samples(point, samples_ms, SAMPLES, &error), &error);
        must(bt_score_point(point, 1, 5, &error), &error);
        point->outcome = BT_OUTCOME_MEASURED;
    }
    bt_team_close(&team);
}

static const char *const names[] = {"hrnet", "cbam_resunet"};

static void describe(bt_model_record *model, const char *name) {
    snprintf(model->model, sizeof model->model, "%s", name);
    snprintf(model->backend, sizeof model->backend, "sim");
    snprintf(model->device, sizeof model->device, "simulated");
    snprintf(model->precision, sizeof model->precision, "none");
    snprintf(model->weights_source, sizeof model->weights_source, "none");
    model->image_size = model->instances = model->threads = 1;
    model->meets_sla = true;
}

/* Of a run without sizes yet. */
static bt_record *empty_record(const char *backend, int models) {
    bt_record *record;
    bt_error error;
    must(bt_record_open(&record, models, &error), &error);
    snprintf(record->settings.backend, sizeof record->settings.backend, "%s", backend);
    snprintf(record->workload, sizeof record->workload, "simulated");
    for (int i = 0; i < models; i++)
        describe(&record->models[i], names[i]);
    return record;
}

/* What the backend does to each of two models: with an instance on each of two cores, side by side and by turns. */
static void add_neighbour(bt_model_record *model, const char *other) {
    bt_error error;
    must(bt_model_add_neighbours(model, &error), &error);
    bt_neighbour_cost *cost = &model->neighbours[model->neighbour_count++].cost;
    *cost = bt_neighbour_cost_of(other);
    cost->switch_ms = PAIR_SWITCH;
    if (bt_cores_count() < 2) return;
    model->instances = 2;
    cost->beside = 1;
    cost->slowdown = PAIR_SLOWDOWN;
}

static void write_config(const char *path, const char *backend, int models) {
    bt_record *record = empty_record(backend, models);
    bt_error error;
    json_t *json;
    for (int i = 0; i < models; i++) {
        time_sizes(&record->models[i], backend);
        record->models[i].chosen = record->models[i].point_count - 1;
        if (models > 1) add_neighbour(&record->models[i], names[1 - i]);
    }
    must(bt_config_from_record(&json, record, NULL, &error), &error);
    must(bt_json_save(json, path, false, &error), &error);
    json_decref(json);
    bt_record_close(&record);
}

/* Whether a request before it is of the same run: one that began its queue not long before. */
static bool is_told(const bt_request_log *log, int64_t at) {
    for (int64_t i = at - 1; i >= 0 && i > at - RUN_REACH; i--)
        if (log->requests[i].service_ns == log->requests[at].service_ns) return true;
    return false;
}

/* The config's entry of the simulated backend, with what runs really took in a cell: a sleeping thread is woken as late
 * as the machine's other work makes it, and that is no fault of the prediction. A size that never ran has what it was
 * timed at. */
static bt_config_model as_it_ran(const bt_config_model *timed, const bt_request_log *log) {
    bt_record *record = empty_record(timed->settings.backend, 1);
    bt_model_record *model = &record->models[0];
    bt_config_model entry;
    bt_error error;
    record->settings = timed->settings;
    for (int i = 0; i < timed->point_count; i++) {
        const bt_config_point *before = &timed->points[i];
        bt_point *point = bt_record_add_point(model, before->batch_size);
        for (int64_t j = 0; j < log->count; j++) {
            const bt_sent_request *request = &log->requests[j];
            const double took_ms = bt_ms(request->service_ns);
            if (request->status == BT_OK && request->run_size == before->batch_size && !is_told(log, j))
                must(bt_point_add_samples(point, &took_ms, 1, &error), &error);
        }
        if (point->sample_count == 0)
            must(bt_point_add_samples(point, before->service_ms_quantiles, before->quantile_count, &error),
                 &error);
        must(bt_score_point(point, 1, 5, &error), &error);
        point->outcome = BT_OUTCOME_MEASURED;
    }
    model->chosen = model->point_count - 1;
    must(bt_config_model_open(&entry, record, model, &error), &error);
    bt_record_close(&record);
    return entry;
}

/* ---- one cell ---- */

typedef struct tally {
    int cells, close;
    double worst_percent;
    char worst[256], parts[BT_LOAD_WORDS_SIZE];
} tally;

typedef struct cell_length {
    double seconds; /* the least where `percent` is above 0 */
    double percent;
    bool plan;
    double planned_s; /* of all cells so far */
} cell_length;

typedef struct cell {
    const bt_config *config;
    const char *const *models;
    int model_count, batch_size;
    double delay_ms, load;
    const cell_length *length;
    bool simulated; /* predicted from what runs took in the cell, too */
} cell;

/* Where the cell's instances run, as the service numbers it, into `out`, by the cell's models. Returns how many. */
static int number_instances(const cell *c, bt_batcher_instance out[BT_BATCHER_INSTANCES_MAX]) {
    const bt_instance *places[BT_BATCHER_INSTANCES_MAX] = {NULL};
    int devices[BT_BATCHER_INSTANCES_MAX], count = 0;
    for (int i = 0; i < c->model_count; i++) {
        const bt_config_model *model = bt_config_find(c->config, c->models[i]);
        for (int j = 0; j < model->instance_count; j++) {
            out[count].model = i;
            places[count++] = &model->instances[j];
        }
    }
    bt_instances_number(devices, places, count);
    for (int i = 0; i < count; i++)
        out[i].device = devices[i];
    return count;
}

/* On how many devices the cell's model may run at a time. */
static int count_devices(const cell *c, int model) {
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    const int count = number_instances(c, instances);
    int devices = 0;
    for (int i = 0; i < count; i++) {
        bool first = instances[i].model == model;
        for (int j = 0; j < i; j++)
            first = first && !(instances[j].model == model && instances[j].device == instances[i].device);
        devices += first;
    }
    return devices;
}

/* A batch's run beside the cell's other models, all of them busy. */
static double slowed_ms(const cell *c, const bt_config_model *model, double run_ms) {
    double switch_ms = 0;
    for (int i = 0; i < c->model_count; i++) {
        const bt_neighbour_cost *cost = bt_config_neighbour(model, c->models[i]);
        if (cost && cost->beside > 0 && !isnan(cost->slowdown)) run_ms *= cost->slowdown;
        if (cost && !isnan(cost->switch_ms)) switch_ms = fmax(switch_ms, cost->switch_ms);
    }
    return run_ms + switch_ms;
}

/* What the model's devices serve of full batches a second, preparing and delivering included. */
static double capacity_rps(const cell *c, int index) {
    const bt_config_model *model = bt_config_find(c->config, c->models[index]);
    bt_tuned_model tuned;
    bt_error error;
    must(bt_tuned_model_open(&tuned, model, c->batch_size, &error), &error);
    const double alone_ms = bt_ms(tuned.batcher.ladder.service_ns[tuned.batcher.ladder.size_count - 1]);
    const double run_ms = slowed_ms(c, model, alone_ms);
    double around_ms = 0;
    for (int i = 0; i < tuned.prepare.count; i++)
        around_ms += tuned.prepare.quantiles_ms[i] / tuned.prepare.count;
    for (int i = 0; i < tuned.deliver.count; i++)
        around_ms += tuned.deliver.quantiles_ms[i] / tuned.deliver.count;
    bt_tuned_model_close(&tuned);
    return 1e3 * count_devices(c, index) * c->batch_size / (run_ms + c->batch_size * around_ms);
}

static bt_service *start(const cell *c) {
    char settings[128], models[256] = "";
    bt_service *service;
    bt_error error;
    for (int i = 0; i < c->model_count; i++)
        bt_text_append(models, sizeof models, "%s%s", i > 0 ? "," : "", c->models[i]);
    bt_text_format(settings, sizeof settings, "batch_size=%d,max_queue_delay_ms=%g", c->batch_size,
                   c->delay_ms);
    const bt_service_options options = {.config = c->config->path, .models = models, .settings = settings};
    must(bt_service_open(&service, &options, &error), &error);
    must(bt_service_start(service, &error), &error);
    return service;
}

static bt_plan_scenario scenario_of(const cell *c, double seconds) {
    bt_plan_scenario scenario = {.name = "cell", .part_count = c->model_count};
    for (int i = 0; i < c->model_count; i++) {
        const double most_rps = capacity_rps(c, i);
        scenario.parts[i] =
            (bt_plan_part){.model = i,
                           .schedule = {.shape = BT_SHAPE_POISSON,
                                        .rate_rps = c->load * most_rps / c->model_count,
                                        .duration_ns = (int64_t)(seconds * (double)BT_NS_PER_S),
                                        .seed = 1 + (uint64_t)i}};
    }
    return scenario;
}

/* The target, to be closed when the service has been stopped: a request that came to no end is still under way. */
static bt_request_log *send(bt_service_target **target, bt_service *service, const cell *c,
                            const bt_schedule *schedules) {
    bt_load_images sent[BT_NAMES_MAX] = {{.model = NULL}};
    bt_stream streams[BT_NAMES_MAX] = {{.schedule = NULL}};
    bt_request_log *log;
    bt_error error;
    for (int i = 0; i < c->model_count; i++) {
        const int side = bt_config_find(c->config, c->models[i])->image_size;
        sent[i] = (bt_load_images){.model = c->models[i], .inputs = {{side, side, NULL}}, .input_count = 1};
        streams[i] = (bt_stream){.schedule = &schedules[i], .input_count = 1};
    }
    must(bt_service_target_open(target, service, sent, c->model_count, 64, 1, &error), &error);
    const bt_load_options load = {.target = bt_service_target_of(*target),
                                  .streams = streams,
                                  .stream_count = c->model_count,
                                  .drain_ns = 10 * BT_NS_PER_S};
    must(bt_load_run(&log, &load, &error), &error);
    return log;
}

/* From the config's times; from those of the log, where it is not NULL. */
static void predict(bt_prediction *out, bt_service *service, const cell *c, const bt_plan_scenario *scenario,
                    const bt_schedule *schedules, const bt_request_log *ran_log) {
    bt_config_model ran = {.name = ""};
    bt_predict_model models[BT_NAMES_MAX];
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    bt_error error;
    for (int i = 0; i < c->model_count; i++)
        models[i] = (bt_predict_model){.config = bt_config_find(c->config, c->models[i]),
                                       .batcher = *bt_serving_batcher(service, i)};
    if (ran_log) {
        ran = as_it_ran(models[0].config, ran_log);
        models[0].config = &ran;
    }
    const bt_predict_options options = {.models = models,
                                        .model_count = c->model_count,
                                        .instances = instances,
                                        .instance_count = bt_serving_instances(service, instances),
                                        .seed = 1};
    must(bt_predict(out, &options, scenario, schedules, &error), &error);
    if (ran_log) bt_config_model_close(&ran);
}

/* ---- how long a cell is ---- */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Half of where 95 % of the values are, in percent of their median. */
static double half_spread_percent(double values[SPREAD_SEEDS]) {
    qsort(values, SPREAD_SEEDS, sizeof *values, ascending);
    const double below = values[(int)(0.025 * SPREAD_SEEDS)],
                 above = values[SPREAD_SEEDS - 1 - (int)(0.025 * SPREAD_SEEDS)];
    return (above - below) / 2 / values[SPREAD_SEEDS / 2] * 100;
}

/* The widest of its models', on the cell's own schedule, over seeds of what is drawn for each run. */
static double spread_percent(const cell *c, double seconds) {
    const bt_plan_scenario scenario = scenario_of(c, seconds);
    bt_tuned_model tuned[BT_NAMES_MAX];
    bt_predict_model models[BT_NAMES_MAX];
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    bt_schedule schedules[BT_NAMES_MAX];
    double p95_ms[BT_NAMES_MAX][SPREAD_SEEDS], widest = 0;
    bt_error error;
    for (int i = 0; i < c->model_count; i++) {
        const bt_config_model *model = bt_config_find(c->config, c->models[i]);
        must(bt_tuned_model_open(&tuned[i], model, c->batch_size, &error), &error);
        tuned[i].batcher.max_queue_delay_ns = (int64_t)(c->delay_ms * BT_NS_PER_MS);
        models[i] = (bt_predict_model){.config = model, .batcher = tuned[i].batcher};
        must(bt_schedule_open(&schedules[i], &scenario.parts[i].schedule, &error), &error);
    }
    for (int seed = 0; seed < SPREAD_SEEDS; seed++) {
        bt_prediction found[BT_NAMES_MAX];
        const bt_predict_options options = {.models = models,
                                            .model_count = c->model_count,
                                            .instances = instances,
                                            .instance_count = number_instances(c, instances),
                                            .seed = 100 + (uint64_t)seed};
        must(bt_predict(found, &options, &scenario, schedules, &error), &error);
        for (int i = 0; i < c->model_count; i++)
            p95_ms[i][seed] = found[i].p95_ms;
    }
    for (int i = 0; i < c->model_count; i++) {
        widest = fmax(widest, half_spread_percent(p95_ms[i]));
        bt_schedule_close(&schedules[i]);
        bt_tuned_model_close(&tuned[i]);
    }
    return widest;
}

/* As long as was asked for, or as precise. */
static double length_s(const cell *c) {
    double seconds = c->length->seconds;
    if (c->length->percent <= 0) return seconds;
    for (; seconds < CELL_S_MOST; seconds *= CELL_LONGER)
        if (spread_percent(c, seconds) <= c->length->percent) return seconds;
    return CELL_S_MOST;
}

/* One model's line of a cell. */
static void tell(tally *t, const cell *c, double spread, bt_load_part *part) {
    const double error_percent = (part->latency.p95_ms / part->predicted_p95_ms - 1) * 100;
    char what[256];
    bt_text_format(what, sizeof what, "%s, batches of %d, delay %g ms, load %.2f", part->model, c->batch_size,
                   c->delay_ms, c->load);
    bt_text_print(stdout,
                  "  %-52s predicted %7.2f, measured %7.2f ms  %+5.1f %%  (%lld requests, "
                  "which leave it within %.1f %%)\n",
                  what, part->predicted_p95_ms, part->latency.p95_ms, error_percent, (long long)part->ok,
                  spread);
    t->cells++;
    t->close += fabs(error_percent) <= CLOSE_PERCENT;
    if (!(fabs(error_percent) > fabs(t->worst_percent))) return;
    t->worst_percent = error_percent;
    snprintf(t->worst, sizeof t->worst, "%s", what);
    bt_text_format(
        t->parts, sizeof t->parts,
        "means, predicted and measured: queue %.2f %.2f, preparing and delivering %.2f %.2f, run %.2f %.2f",
        part->predicted_queue_mean_ms, part->queue_mean_ms,
        part->predicted_prepare_mean_ms + part->predicted_deliver_mean_ms, part->preprocess_mean_ms,
        part->predicted_run_mean_ms, part->service_mean_ms);
}

/* Predictions from the times that were measured before, and from those of the cell's own runs. */
enum { BEFORE, AS_IT_RAN, WAYS };
static const char *const way_names[WAYS] = {"from times measured before", "from what its runs took"};

static void tell_all(tally tallies[WAYS], const cell *c, double spread, const bt_request_log *log,
                     bt_prediction predictions[WAYS][BT_NAMES_MAX]) {
    const bt_look look = bt_looks_at(0, 1);
    bt_load_record *record;
    bt_error error;
    must(bt_load_record_open(&record, 0, &error), &error);
    bt_load_scenario *sums = bt_load_record_add(record, c->model_count);
    for (int i = 0; i < c->model_count && sums; i++) {
        bt_load_part *part = &sums->parts[i];
        snprintf(part->model, sizeof part->model, "%s", c->models[i]);
        must(bt_sum_part(part, log, i, &look, &error), &error);
        for (int way = 0; way < (c->simulated ? WAYS : 1); way++) {
            bt_prediction_note(&predictions[way][i], part);
            tell(&tallies[way], c, spread, part);
        }
    }
    bt_load_record_close(&record);
}

static void bench_cell(tally tallies[WAYS], const cell *c) {
    const double seconds = length_s(c), spread = spread_percent(c, seconds);
    const bt_plan_scenario scenario = scenario_of(c, seconds);
    bt_schedule schedules[BT_NAMES_MAX];
    bt_prediction predictions[WAYS][BT_NAMES_MAX];
    bt_error error;
    bt_service *service = start(c);
    for (int i = 0; i < c->model_count; i++)
        must(bt_schedule_open(&schedules[i], &scenario.parts[i].schedule, &error), &error);
    bt_service_target *target;
    bt_request_log *log = send(&target, service, c, schedules);
    predict(predictions[BEFORE], service, c, &scenario, schedules, NULL);
    if (c->simulated) predict(predictions[AS_IT_RAN], service, c, &scenario, schedules, log);
    tell_all(tallies, c, spread, log, predictions);
    for (int i = 0; i < c->model_count; i++)
        bt_schedule_close(&schedules[i]);
    bt_request_log_close(&log);
    must(bt_service_stop(service, STOP_MS, &error), &error);
    bt_service_target_close(&target);
    bt_service_close(&service);
}

/* ---- all cells ---- */

static void sum_up(const char *title, const char *way, const tally *t) {
    bt_text_print(stdout, "%s, %s: %d of %d cells within %g %% (%.0f %%); worst %+.1f %%: %s; %s\n", title,
                  way, t->close, t->cells, CLOSE_PERCENT, 100.0 * t->close / t->cells, t->worst_percent,
                  t->worst, t->parts);
}

/* What was never timed is a guess. */
static bool were_timed(const bt_config *config, const char *const *models, int model_count, int batch_size) {
    for (int i = 0; i < model_count; i++) {
        const bt_config_model *model = bt_config_find(config, models[i]);
        bool timed = false;
        for (int j = 0; j < model->point_count; j++)
            timed |= model->points[j].batch_size == batch_size;
        if (!timed) return false;
    }
    return true;
}

static void bench_cells(const char *title, const bt_config *config, const char *const *models,
                        int model_count, cell_length *length, bool simulated) {
    tally tallies[WAYS] = {{.cells = 0}};
    if (!length->plan) bt_text_print(stdout, "%s%s\n", title, simulated ? ", each predicted both ways" : "");
    for (int b = 0; b < COUNT(sizes); b++) {
        if (!were_timed(config, models, model_count, sizes[b])) continue;
        for (int d = 0; d < COUNT(delays_ms); d++)
            for (int l = 0; l < COUNT(loads); l++) {
                const cell c = {.config = config,
                                .models = models,
                                .model_count = model_count,
                                .batch_size = sizes[b],
                                .delay_ms = delays_ms[d],
                                .load = loads[l],
                                .length = length,
                                .simulated = simulated};
                if (length->plan)
                    length->planned_s += length_s(&c);
                else
                    bench_cell(tallies, &c);
                fflush(stdout);
            }
    }
    if (length->plan) return;
    for (int way = 0; way < (simulated ? WAYS : 1); way++)
        sum_up(title, way_names[way], &tallies[way]);
}

static void bench_sim(const char *title, const char *backend, int models, cell_length *length) {
    char path[] = "/tmp/bench-predictions-XXXXXX";
    bt_config *config;
    bt_error error;
    const int file = mkstemp(path);
    if (file < 0) must(bt_fail(&error, BT_IO, "no temporary file"), &error);
    close(file);
    write_config(path, backend, models);
    must(bt_config_load(&config, path, &error), &error);
    bench_cells(title, config, names, models, length, models == 1);
    bt_config_close(&config);
    unlink(path);
}

static void bench_config(const char *path, cell_length *length) {
    const char *models[BT_NAMES_MAX];
    bt_config *config;
    bt_error error;
    must(bt_config_load_flag(&config, path, &error), &error);
    const int count = config->model_count < BT_NAMES_MAX ? config->model_count : BT_NAMES_MAX;
    for (int i = 0; i < count; i++) {
        models[i] = config->models[i].name;
        bench_cells(models[i], config, &models[i], 1, length, false);
    }
    if (count > 1) bench_cells("all together", config, models, count, length, false);
    bt_config_close(&config);
}

static bool read_length(cell_length *out, const char *text) {
    char *end;
    const double number = bt_text_read_number(text, &end);
    if (end == text || !(number > 0) || (strcmp(end, "%") != 0 && *end != '\0')) return false;
    *(*end == '%' ? &out->percent : &out->seconds) = number;
    return true;
}

int main(int argc, char **argv) {
    cell_length asked = {.seconds = CELL_S};
    const char *config = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            puts("bench-predictions [--plan] [CONFIG] [SECONDS | PERCENT%]\n"
                 "predicted P95 beside measured, of the simulated backend or of a config's models, in cells "
                 "of so "
                 "long, or of\nas long as P95 takes to be so sure; --plan: how long that takes in all");
            return 0;
        }
        if (strcmp(argv[i], "--plan") == 0)
            asked.plan = true;
        else if (!read_length(&asked, argv[i]))
            config = argv[i];
    }
    if (config) {
        bench_config(config, &asked);
    } else {
        bench_sim("sim without noise", "sim:tau0_ms=4,alpha_ms=2,noise=0", 1, &asked);
        bench_sim("sim with noise", "sim:tau0_ms=4,alpha_ms=2,noise=0.1", 1, &asked);
        bench_sim("two that slow each other", PAIR_BACKEND, 2, &asked);
    }
    if (asked.plan) bt_text_print(stdout, "all cells take %.0f minutes\n", ceil(asked.planned_s / 60));
    return 0;
}
