/* One model's part of a sweep record, as JSON: the points, and what the sweep and the scoring made of them.
 * Every flat struct is a table of fields; what is left is the nesting. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fields.h"
#include "base/json.h"
#include "record/parts.h"
#include "record/sweep-record.h"

#define POINTS_MAX         BT_BATCH_MAX
#define OPTIONAL           .optional = true /* older records lack it */
#define BATCH_SIZE         .minimum = 1, .maximum = BT_BATCH_MAX
#define POINT(type, m)     BT_FIELD(type, bt_point, m)
#define FIT(type, m)       BT_FIELD(type, bt_memory_fit, m)
#define DIVISION(type, m)  BT_FIELD(type, bt_division, m)
#define CONTENDER(type, m) BT_FIELD(type, bt_contender, m)
#define MODEL(type, m)     BT_FIELD(type, bt_model_record, m)

static const bt_field point_fields[] = {
    {POINT(INTEGER, batch_size), BATCH_SIZE},
    {POINT(TEXT, why)},
    {POINT(AMOUNT, p50_ms)},
    {POINT(AMOUNT, p95_ms)},
    {POINT(AMOUNT, p95_lower_ms)},
    {POINT(AMOUNT, p95_upper_ms)},
    {POINT(AMOUNT, mean_ms)},
    {POINT(AMOUNT, throughput_imgs_per_sec)},
    {POINT(AMOUNT, efficiency)},
    {POINT(AMOUNT, effective_samples)},
    {POINT(INTEGER, block_runs), OPTIONAL},
    {POINT(SWITCH, drifting)},
    {POINT(AMOUNT, late_budget_ms)},
    {POINT(NUMBER, memory_mb)},
    {POINT(NUMBER, memory_total_used_mb)},
    {POINT(NUMBER, memory_predicted_mb)},
    {POINT(AMOUNT, logit_error)},
    {POINT(NUMBER, mask_iou), .minimum = 0, .maximum = 1},
    {POINT(SWITCH, on_pareto_front)},
    {POINT(AMOUNT, best_delay_ms), OPTIONAL},
    {POINT(AMOUNT, capacity_rps), OPTIONAL},
    {POINT(AMOUNT, rate_p95_ms), OPTIONAL},
};

static const bt_field fit_fields[] = {
    {FIT(TEXT, precision)}, {FIT(NUMBER, base_mb)},    {FIT(NUMBER, per_image_mb)},
    {FIT(INTEGER, points)}, {FIT(BIG, largest_batch)},
};

static const bt_field memory_fields[] = {
    {BT_FIELD_STRUCT(OBJECT, bt_model_record, production_memory, fit_fields)},
    {BT_FIELD_STRUCT(OBJECT, bt_model_record, standard_memory, fit_fields)},
};

static const bt_field division_fields[] = {
    {DIVISION(INTEGER, instances)},
    {DIVISION(INTEGER, threads)},
    {DIVISION(AMOUNT, median_ms)},
    {DIVISION(AMOUNT, throughput_imgs_per_sec)},
};

static const bt_field contender_fields[] = {
    {CONTENDER(TEXT, precision)},
    {CONTENDER(SWITCH, channels_last)},
    {CONTENDER(INTEGER, instances)},
    {CONTENDER(INTEGER, threads)},
    {CONTENDER(AMOUNT, median_ms)},
    {CONTENDER(AMOUNT, throughput_imgs_per_sec)},
    {CONTENDER(AMOUNT, promise), OPTIONAL, .brief = true},
    {CONTENDER(INTEGER, largest_batch), OPTIONAL, .brief = true},
    {CONTENDER(AMOUNT, ratio)},
    {CONTENDER(NUMBER, mask_iou), .minimum = 0, .maximum = 1},
    {CONTENDER(SWITCH, may_win)},
    {CONTENDER(SWITCH, taken)},
    {CONTENDER(TEXT, why)},
};

static const bt_field model_fields[] = {
    {MODEL(TEXT, model)},
    {MODEL(TEXT, title)},
    {MODEL(INTEGER, image_size)},
    {MODEL(TEXT, precision)},
    {MODEL(TEXT, precision_note)},
    {MODEL(TEXT, precision_reason), OPTIONAL, .brief = true},
    {MODEL(TEXT, calibration), OPTIONAL, .brief = true},
    {MODEL(AMOUNT, contest_s), OPTIONAL},
    {MODEL(TEXT, path_note), OPTIONAL},
    {MODEL(TEXT, output_note), OPTIONAL, .brief = true},
    {MODEL(INTEGER, instances), OPTIONAL},
    {MODEL(INTEGER, threads)},
    {MODEL(INTEGER, classes), OPTIONAL, .brief = true},
    {MODEL(TEXT, device)},
    {MODEL(TEXT, backend)},
    {MODEL(TEXT, backend_detail)},
    {MODEL(TEXT, weights_source)},
    {MODEL(TEXT, weights_path), OPTIONAL},
    {MODEL(TEXT, model_file), OPTIONAL},
    {MODEL(HASH, weights_hash)},
    {MODEL(SWITCH, trained_weights)},
    {MODEL(SWITCH, computes_masks)},
    {MODEL(SWITCH, meets_sla)},
    {MODEL(TEXT, reason), OPTIONAL},
    {MODEL(SWITCH, batching_pays)},
    {MODEL(AMOUNT, reachable_sla_ms)},
    {MODEL(AMOUNT, speedup_over_single_image)},
    {MODEL(AMOUNT, rate_rps), OPTIONAL},
    {MODEL(SWITCH, rate_held), OPTIONAL},
    {MODEL(INTEGER, rate_instances), OPTIONAL},
    {MODEL(AMOUNT, queue_delay_ms), OPTIONAL},
    {MODEL(AMOUNT, capacity_rps), OPTIONAL},
    {MODEL(AMOUNT, recommended_rps), OPTIONAL},
    {MODEL(AMOUNT, predicted_p95_ms), OPTIONAL},
    {MODEL(TEXT, advice)},
    {MODEL(AMOUNT, standard_median_ms)},
    {MODEL(NUMBER, memory_total_mb)},
    {MODEL(SWITCH, device_memory)},
    {MODEL(INTEGER, full_size)},
    {MODEL(AMOUNT, full_size_ms)},
    {MODEL(AMOUNT, measuring_s)},
    {MODEL(INTEGER, turns)},
    {MODEL(INTEGER, disturbed_turns)},
    {BT_THROTTLING_MEMBERS(bt_model_record)},
    {MODEL(SWITCH, interrupted)},
};

/* ---- writing ---- */

static json_t *write_point(const void *item) {
    const bt_point *point = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(point_fields), point);
    if (object && json_object_set_new(object, "outcome", json_string(bt_outcome_name(point->outcome))) == 0 &&
        json_object_set_new(object, "samples_ms", bt_numbers_write(point->samples_ms, point->sample_count)) ==
            0 &&
        bt_rate_curve_write(object, "predicted", &point->predicted) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_division(const void *division) {
    return bt_fields_to_json(BT_FIELDS(division_fields), division);
}

static json_t *write_contender(const void *contender) {
    return bt_fields_to_json(BT_FIELDS(contender_fields), contender);
}

/* Verdicts are indexes in memory and batch sizes in the file, where people read them. */
static json_t *write_choice(const bt_model_record *model, int index) {
    if (index < 0 || index >= model->point_count) return json_null();
    return json_integer(model->points[index].batch_size);
}

static json_t *write_winners(const bt_model_record *model) {
    json_t *object = json_object();
    for (int i = 0; object && i < BT_OBJECTIVE_COUNT; i++) {
        const char *name = bt_objective_name((bt_objective)i);
        if (json_object_set_new(object, name, write_choice(model, model->winners[i])) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

int bt_samples_write(json_t *object, const char *key, const double *samples_ms, int count) {
    return count > 0 ? json_object_set_new(object, key, bt_numbers_write(samples_ms, count)) : 0;
}

json_t *bt_model_record_to_json(const void *item) {
    const bt_model_record *model = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(model_fields), model);
    int failed = !object;
    failed = failed || json_object_set_new(object, "optimal_batch_size", write_choice(model, model->chosen));
    failed = failed || json_object_set_new(object, "choice", json_string(bt_model_choice(model)));
    failed = failed || json_object_set_new(object, "winners", write_winners(model));
    failed = failed || bt_fields_write(BT_FIELDS(memory_fields), model, object);
    failed = failed || json_object_set_new(object, "divisions",
                                           bt_json_array_of(model->divisions, sizeof *model->divisions,
                                                            model->division_count, write_division));
    failed = failed || json_object_set_new(object, "contenders",
                                           bt_json_array_of(model->contenders, sizeof *model->contenders,
                                                            model->contender_count, write_contender));
    failed = failed || json_object_set_new(object, "points",
                                           bt_json_array_of(model->points, sizeof *model->points,
                                                            model->point_count, write_point));
    failed = failed ||
             json_object_set_new(object, "standard_samples_ms",
                                 bt_numbers_write(model->standard_samples_ms, model->standard_sample_count));
    failed = failed || bt_replicas_plan_write(object, "replicas", &model->replicas);
    failed = failed || bt_samples_write(object, "prepare_samples_ms", model->prepare_samples_ms,
                                        model->prepare_sample_count);
    failed = failed || bt_samples_write(object, "deliver_samples_ms", model->deliver_samples_ms,
                                        model->deliver_sample_count);
    failed = failed ||
             bt_samples_write(object, "idle_samples_ms", model->idle_samples_ms, model->idle_sample_count);
    if (model->idle_sample_count > 0)
        failed = failed || json_object_set_new(object, "idle_extra_ms",
                                               bt_numbers_write(model->idle_extra_ms, BT_IDLE_GAPS));
    if (model->neighbour_count > 0)
        failed = failed ||
                 json_object_set_new(object, "neighbours",
                                     bt_json_array_of(model->neighbours, sizeof *model->neighbours,
                                                      model->neighbour_count, bt_neighbour_times_to_json));
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

/* ---- reading ---- */

static bt_status read_point(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_model_record *model = owner;
    bt_point read = {.best_delay_ms = NAN, .capacity_rps = NAN, .rate_p95_ms = NAN};
    bt_status status = bt_fields_read(BT_FIELDS(point_fields), object, &read, where, error);
    if (status != BT_OK) return status;
    char name[32];
    status = bt_json_text(object, "outcome", name, sizeof name, where, error);
    if (status != BT_OK) return status;
    if (!bt_outcome_find(name, &read.outcome))
        return bt_fail(error, BT_PARSE, "%s: outcome \"%s\" is none that is known", where, name);
    json_t *samples;
    status = bt_rate_curve_read(object, "predicted", &read.predicted, where, error);
    if (status == BT_OK) status = bt_json_array(object, "samples_ms", &samples, where, error);
    if (status != BT_OK) return status;
    if (model->point_count > 0 && model->points[model->point_count - 1].batch_size >= read.batch_size)
        return bt_fail(error, BT_PARSE, "%s: batch_size %d does not come after the one before", where,
                       read.batch_size);
    bt_point *point = bt_record_add_point(model, read.batch_size);
    if (!point) return bt_no_memory(error, "%s", where);
    *point = read;
    return bt_numbers_read(samples, &point->samples_ms, &point->sample_count, "samples_ms", where, error);
}

static bt_status read_division(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_model_record *model = owner;
    bt_division *division = &model->divisions[model->division_count++];
    return bt_fields_read(BT_FIELDS(division_fields), object, division, where, error);
}

static bt_status read_contender(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_model_record *model = owner;
    bt_contender *contender = &model->contenders[model->contender_count++];
    return bt_fields_read(BT_FIELDS(contender_fields), object, contender, where, error);
}

/* What was compared before the sweep. Records from before there was any such thing have none of it. */
static bt_status read_compared(const json_t *object, bt_model_record *model, const char *where,
                               bt_error *error) {
    bt_status status = BT_OK;
    model->division_count = model->contender_count = 0;
    if (json_object_get(object, "divisions"))
        status = bt_list_read(object, "divisions", BT_DIVISIONS_MAX, read_division, model, where, error);
    if (status == BT_OK && json_object_get(object, "contenders"))
        status = bt_list_read(object, "contenders", BT_CONTENDERS_MAX, read_contender, model, where, error);
    return status;
}

static bt_status read_choice(const json_t *object, const char *key, const bt_model_record *model, int *out,
                             const char *where, bt_error *error) {
    int64_t batch_size;
    *out = -1;
    if (json_is_null(json_object_get(object, key))) return BT_OK;
    bt_status status = bt_json_integer(object, key, 1, BT_BATCH_MAX, &batch_size, where, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < model->point_count; i++)
        if (model->points[i].batch_size == batch_size) *out = i;
    if (*out >= 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: %s is batch size %lld, of which there is no point", where, key,
                   (long long)batch_size);
}

static bt_status read_verdicts(const json_t *object, bt_model_record *model, const char *where,
                               bt_error *error) {
    json_t *winners;
    char here[BT_WHERE_SIZE];
    bt_status status = read_choice(object, "optimal_batch_size", model, &model->chosen, where, error);
    if (status == BT_OK) status = bt_json_object(object, "winners", &winners, where, error);
    bt_where_key(here, where, "winners");
    for (int i = 0; status == BT_OK && i < BT_OBJECTIVE_COUNT; i++) {
        const char *name = bt_objective_name((bt_objective)i);
        if (i == BT_OBJECTIVE_CAPACITY && !json_object_get(winners, name))
            continue; /* older records lack it */
        status = read_choice(winners, name, model, &model->winners[i], here, error);
    }
    return status;
}

bt_status bt_samples_read(const json_t *object, const char *key, double **samples_ms, int *count,
                          const char *where, bt_error *error) {
    json_t *samples;
    if (!json_object_get(object, key)) return BT_OK;
    bt_status status = bt_json_array(object, key, &samples, where, error);
    return status == BT_OK ? bt_numbers_read(samples, samples_ms, count, key, where, error) : status;
}

static bt_status read_idle(const json_t *object, bt_model_record *model, const char *where, bt_error *error) {
    double *extra_ms = NULL;
    int count = 0;
    bt_status status = bt_samples_read(object, "idle_samples_ms", &model->idle_samples_ms,
                                       &model->idle_sample_count, where, error);
    if (status == BT_OK) status = bt_samples_read(object, "idle_extra_ms", &extra_ms, &count, where, error);
    if (status == BT_OK && count != 0 && count != BT_IDLE_GAPS)
        status =
            bt_fail(error, BT_PARSE, "%s: idle_extra_ms has %d numbers, not %d", where, count, BT_IDLE_GAPS);
    for (int i = 0; i < count && status == BT_OK; i++)
        model->idle_extra_ms[i] = extra_ms[i];
    free(extra_ms);
    return status;
}

static bt_status read_neighbour(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_model_record *model = owner;
    return bt_neighbour_times_from_json(object, &model->neighbours[model->neighbour_count++], where, error);
}

static bt_status read_neighbours(const json_t *object, bt_model_record *model, const char *where,
                                 bt_error *error) {
    if (!json_object_get(object, "neighbours")) return BT_OK;
    bt_status status = bt_model_add_neighbours(model, error);
    return status == BT_OK
               ? bt_list_read(object, "neighbours", BT_NEIGHBOURS_MAX, read_neighbour, model, where, error)
               : status;
}

bt_status bt_model_record_from_json(const json_t *object, bt_model_record *model, const char *where,
                                    bt_error *error) {
    json_t *samples;
    bt_status status = bt_fields_read(BT_FIELDS(model_fields), object, model, where, error);
    if (status == BT_OK) status = read_compared(object, model, where, error);
    if (status == BT_OK) status = bt_list_read(object, "points", POINTS_MAX, read_point, model, where, error);
    if (status == BT_OK) status = read_verdicts(object, model, where, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(memory_fields), object, model, where, error);
    if (status == BT_OK)
        status = bt_samples_read(object, "prepare_samples_ms", &model->prepare_samples_ms,
                                 &model->prepare_sample_count, where, error);
    if (status == BT_OK)
        status = bt_samples_read(object, "deliver_samples_ms", &model->deliver_samples_ms,
                                 &model->deliver_sample_count, where, error);
    if (status == BT_OK) status = read_idle(object, model, where, error);
    if (status == BT_OK) status = bt_replicas_plan_read(object, "replicas", &model->replicas, where, error);
    if (status == BT_OK) status = read_neighbours(object, model, where, error);
    if (status == BT_OK) status = bt_json_array(object, "standard_samples_ms", &samples, where, error);
    if (status != BT_OK) return status;
    return bt_numbers_read(samples, &model->standard_samples_ms, &model->standard_sample_count,
                           "standard_samples_ms", where, error);
}
