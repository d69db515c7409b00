#include "http/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "http/infer.h"

/* Takes `json` over, which may be NULL. */
static char *text_of(json_t *json) {
    char *text = json ? bt_json_dump(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    return text;
}

char *bt_http_error_text(const char *message) {
    return text_of(json_pack("{s:o}", "error", bt_field_text(message)));
}

char *bt_http_server_text(void) {
    return text_of(json_pack("{s:s, s:s, s:[s, s, s]}", "name", "batchtune", "version", bt_version(),
                             "extensions", "binary_tensor_data", "model_configuration", "statistics"));
}

/* ---- tensors ---- */

/* What a model is told to take: one datatype, since that is all that a client reads (perf_analyzer makes its data by
 * it). Pictures as they are, of any size: noise in bytes takes a network as long as a picture does, while FP32's, which
 * perf_analyzer makes of random bits, is mostly no picture and a part of it no number. It has to be told a size
 * (--shape), which is part of what is measured. What else is taken is among the parameters. */
static const bt_infer_tensor input = {BT_INFER_INPUT, "UINT8", {-1, -1, 3}, 3};

#define ALTERNATIVES 3

static void list_alternatives(bt_infer_tensor out[ALTERNATIVES], const bt_model_facts *facts) {
    const int height = facts->input_height, width = facts->input_width;
    out[0] = (bt_infer_tensor){BT_INFER_INPUT, "FP32", {3, height, width}, 3};
    out[1] = (bt_infer_tensor){BT_INFER_INPUT, "FP16", {3, height, width}, 3};
    out[2] = (bt_infer_tensor){BT_INFER_INPUT, "BYTES", {1}, 1};
}

/* Of a model: its logits have its own size, and a plane for each of its classes. */
static bt_infer_tensor output_of(int output, const bt_model_facts *facts) {
    bt_infer_tensor tensor = bt_infer_outputs[output];
    if (output == BT_INFER_CLASS_PROBABILITIES) tensor.dims[0] = facts->class_count;
    if (output != BT_INFER_LOGITS) return tensor;
    tensor.dims[1] = facts->input_height;
    tensor.dims[2] = facts->input_width;
    return tensor;
}

/* A configuration's dims are without the batch; a shape has it first. */
static json_t *dims_of(const bt_infer_tensor *tensor, bool with_batch) {
    json_t *dims = with_batch ? json_pack("[i]", -1) : json_array();
    for (int i = 0; i < tensor->dim_count && dims; i++)
        if (json_array_append_new(dims, json_integer(tensor->dims[i])) != 0) {
            json_decref(dims);
            return NULL;
        }
    return dims;
}

static json_t *shaped(const bt_infer_tensor *tensor) {
    return json_pack("{s:s, s:s, s:o}", "name", tensor->name, "datatype", tensor->datatype, "shape",
                     dims_of(tensor, true));
}

/* A configuration's BYTES are called strings. */
static json_t *configured(const bt_infer_tensor *tensor) {
    char type[32];
    const bool bytes = strcmp(tensor->datatype, "BYTES") == 0;
    snprintf(type, sizeof type, "TYPE_%s", bytes ? "STRING" : tensor->datatype);
    return json_pack("{s:s, s:s, s:o}", "name", tensor->name, "data_type", type, "dims",
                     dims_of(tensor, false));
}

/* Of one class, what tells classes apart is there, too, but says nothing new. */
static bool is_told(int output, const bt_model_facts *facts, bool polygons) {
    if (output == BT_INFER_POLYGONS) return polygons;
    return facts->class_count > 1 || (output != BT_INFER_LABELS && output != BT_INFER_CLASS_PROBABILITIES);
}

static json_t *outputs_of(json_t *(*write)(const bt_infer_tensor *), const bt_model_facts *facts,
                          bool polygons) {
    json_t *outputs = json_array();
    for (int i = 0; i < BT_INFER_OUTPUTS && outputs; i++) {
        if (!is_told(i, facts, polygons)) continue;
        const bt_infer_tensor output = output_of(i, facts);
        if (json_array_append_new(outputs, write(&output)) != 0) {
            json_decref(outputs);
            return NULL;
        }
    }
    return outputs;
}

static json_t *alternatives_of(const bt_model_facts *facts) {
    bt_infer_tensor of[ALTERNATIVES];
    list_alternatives(of, facts);
    return json_pack("[o, o, o]", shaped(&of[0]), shaped(&of[1]), shaped(&of[2]));
}

/* Takes both over; NULL where memory is short. */
static json_t *add_classes(json_t *parameters, json_t *classes) {
    if (json_object_set_new(parameters, "classes", classes) == 0) return parameters;
    json_decref(parameters);
    return NULL;
}

char *bt_http_model_text(const bt_model_facts *facts, bool polygons, const bt_http_classes *classes) {
    json_t *parameters = json_pack("{s:o}", "input_alternatives", alternatives_of(facts));
    if (classes) parameters = add_classes(parameters, bt_http_classes_to_json(classes));
    return text_of(json_pack("{s:s, s:[s], s:s, s:[o], s:o, s:o}", "name", facts->name, "versions",
                             BT_HTTP_VERSION, "platform", "batchtune", "inputs", shaped(&input), "outputs",
                             outputs_of(shaped, facts, polygons), "parameters", parameters));
}

/* What is the project's own is among the parameters, which are texts there; so the classes' is JSON in JSON. */
static json_t *classes_as_text(const bt_http_classes *classes) {
    char *text = text_of(bt_http_classes_to_json(classes));
    json_t *value = text ? json_pack("{s:s}", "string_value", text) : NULL;
    free(text);
    return value;
}

static json_t *parameters_of(const bt_model_facts *facts, const bt_http_classes *classes) {
    char size[48], sla[BT_NUMBER_TEXT_SIZE], alternatives[96];
    const int height = facts->input_height, width = facts->input_width;
    snprintf(size, sizeof size, "%dx%d", width, height);
    snprintf(alternatives, sizeof alternatives, "FP32 [3,%d,%d], FP16 [3,%d,%d], BYTES [1]", height, width,
             height, width);
    bt_text_number(facts->p95_sla_ms, sla);
    json_t *parameters =
        json_pack("{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "input_alternatives", "string_value",
                  alternatives, "input_size", "string_value", size, "p95_sla_ms", "string_value", sla,
                  "policy", "string_value", facts->policy, "precision", "string_value", facts->precision);
    return classes ? add_classes(parameters, classes_as_text(classes)) : parameters;
}

char *bt_http_config_text(const bt_model_facts *facts, bool polygons, const bt_http_classes *classes) {
    return text_of(json_pack(
        "{s:s, s:s, s:s, s:i, s:[o], s:o, s:{s:I}, s:[{s:i}], s:o}", "name", facts->name, "platform",
        "batchtune", "backend", "batchtune", "max_batch_size", facts->batch_size, "input", configured(&input),
        "output", outputs_of(configured, facts, polygons), "dynamic_batching", "max_queue_delay_microseconds",
        (json_int_t)(facts->max_queue_delay_ms * 1e3), "instance_group", "count", facts->instance_count,
        "parameters", parameters_of(facts, classes)));
}

/* ---- statistics ---- */

static json_t *duration(uint64_t count, int64_t ns) {
    return json_pack("{s:I, s:I}", "count", (json_int_t)count, "ns", (json_int_t)ns);
}

static uint64_t runs_of(const bt_metrics *metrics) {
    uint64_t runs = metrics->standard_runs;
    for (int b = 0; b < BT_METRICS_BATCHES; b++)
        runs += metrics->batches[b];
    return runs;
}

static json_t *batches_of(const bt_metrics *metrics) {
    json_t *batches = json_array();
    for (int b = 0; b < BT_METRICS_BATCHES && batches; b++) {
        const uint64_t runs = metrics->batches[b] + (b == 0 ? metrics->standard_runs : 0);
        if (runs == 0) continue;
        json_t *batch = json_pack("{s:i, s:I}", "batch_size", b + 1, "count", (json_int_t)runs);
        if (json_array_append_new(batches, batch) != 0) {
            json_decref(batches);
            return NULL;
        }
    }
    return batches;
}

/* Readers divide sums by counts, which are all of answered requests. Making masks counts with making pictures
 * ready: the service tells both together. */
static json_t *stats_of(const bt_metrics *m, const bt_metrics_totals *t) {
    const uint64_t lost =
        m->failed + m->expired + m->cancelled + m->rejected_full + m->rejected_deadline + m->rejected_closed;
    json_t *stats =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "success",
                  duration(t->answered, t->sum_ns[BT_QUANTITY_LATENCY]), "fail", duration(lost, 0), "queue",
                  duration(t->answered, t->sum_ns[BT_QUANTITY_QUEUE]), "compute_input",
                  duration(t->answered, t->sum_ns[BT_QUANTITY_PREPROCESS]), "compute_infer",
                  duration(t->answered, t->sum_ns[BT_QUANTITY_SERVICE]), "compute_output",
                  duration(t->answered, 0), "cache_hit", duration(0, 0), "cache_miss", duration(0, 0));
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "name", m->model, "version", BT_HTTP_VERSION,
                     "inference_count", (json_int_t)t->answered, "execution_count", (json_int_t)runs_of(m),
                     "inference_stats", stats, "batch_stats", batches_of(m));
}

char *bt_http_stats_text(const bt_metrics *metrics, const bt_metrics_totals *totals, int count) {
    json_t *models = json_array();
    bool failed = !models;
    for (int i = 0; i < count && !failed; i++)
        failed = json_array_append_new(models, stats_of(&metrics[i], &totals[i])) != 0;
    if (failed) {
        json_decref(models);
        return NULL;
    }
    return text_of(json_pack("{s:o}", "model_stats", models));
}

char *bt_http_index_text(const bt_model_facts *facts, int count, const char *reason) {
    json_t *models = json_array();
    for (int i = 0; i < count && models; i++) {
        json_t *model = json_pack("{s:s, s:s, s:s, s:s}", "name", facts[i].name, "version", BT_HTTP_VERSION,
                                  "state", reason ? "UNAVAILABLE" : "READY", "reason", reason ? reason : "");
        if (json_array_append_new(models, model) != 0) {
            json_decref(models);
            models = NULL;
        }
    }
    return text_of(models);
}
