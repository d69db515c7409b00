#include "client/remote-model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"

#define LIST_MAX 4096
#define SIDE_MAX 65536

/* A text that may be absent, cut to its room. */
static void take_text(const json_t *object, const char *key, char *out, size_t size) {
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%.*s", (int)(text ? bt_text_fit(text, size - 1) : 0), text ? text : "");
}

bt_status bt_remote_server_read(bt_remote_server *out, const char *text, size_t size, const char *where,
                                bt_error *error) {
    json_t *top;
    bt_status status = bt_json_from_text(&top, text, size, where, error);
    if (status != BT_OK) return status;
    take_text(top, "name", out->name, sizeof out->name);
    take_text(top, "version", out->version, sizeof out->version);
    json_decref(top);
    return BT_OK;
}

/* ---- a model's input and output ---- */

static bt_status read_datatype(bt_remote_model *out, const json_t *input, const char *where,
                               bt_error *error) {
    char datatype[16], quoted[BT_TEXT_QUOTE_SIZE];
    bt_status status = bt_json_text(input, "datatype", datatype, sizeof datatype, where, error);
    if (status != BT_OK) return status;
    out->pixels = strcmp(datatype, "UINT8") == 0 ? BT_REMOTE_UINT8 : BT_REMOTE_FP32;
    if (out->pixels == BT_REMOTE_UINT8 || strcmp(datatype, "FP32") == 0) return BT_OK;
    bt_text_quote(datatype, quoted);
    return bt_fail(error, BT_UNSUPPORTED, "%s: input \"%.64s\" is %s: pictures are sent as UINT8 or FP32",
                   where, out->input, quoted);
}

/* A dimension: -1 is any, told as 0. */
static bool read_side(const json_t *value, int *out) {
    const json_int_t side = json_is_integer(value) ? json_integer_value(value) : 0;
    *out = side > 0 && side <= SIDE_MAX ? (int)side : 0;
    return side == -1 || *out > 0;
}

/* N x 3 x H x W or N x H x W x 3, with or without N. */
static bt_status read_shape(bt_remote_model *out, const json_t *input, const char *where, bt_error *error) {
    json_t *shape;
    int sides[4];
    bt_status status = bt_json_array(input, "shape", &shape, where, error);
    if (status != BT_OK) return status;
    const size_t count = json_array_size(shape);
    bool known = count == 3 || count == 4;
    for (size_t i = 0; i < count && known; i++)
        known = read_side(json_array_get(shape, i), &sides[i]);
    const int *of = sides + (count == 4);
    const bool first = known && of[0] == 3, last = known && of[2] == 3;
    if (!first && !last)
        return bt_fail(
            error, BT_UNSUPPORTED,
            "%s: input \"%.64s\" has no picture's shape: N x 3 x height x width or N x height x width "
            "x 3, where -1 is any height and width",
            where, out->input);
    out->batched = count == 4;
    out->channels_first = first && !last;
    out->height = out->channels_first ? of[1] : of[0];
    out->width = out->channels_first ? of[2] : of[1];
    return BT_OK;
}

static bt_status read_input(bt_remote_model *out, const json_t *top, const char *parent, bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *inputs;
    bt_status status = bt_json_array(top, "inputs", &inputs, parent, error);
    if (status != BT_OK) return status;
    if (json_array_size(inputs) != 1)
        return bt_fail(error, BT_UNSUPPORTED, "%s: the model has %zu inputs, and a picture is one", parent,
                       json_array_size(inputs));
    const json_t *input = json_array_get(inputs, 0);
    bt_where_item(where, parent, "inputs", 0);
    status = bt_json_text(input, "name", out->input, sizeof out->input, where, error);
    if (status == BT_OK) status = read_datatype(out, input, where, error);
    return status == BT_OK ? read_shape(out, input, where, error) : status;
}

/* Its shape, where there is an output of that name and type; else NULL. */
static const json_t *find_output(const json_t *top, const char *name, const char *datatype) {
    size_t i;
    json_t *output;
    json_array_foreach(json_object_get(top, "outputs"), i, output) {
        const char *its_name = json_string_value(json_object_get(output, "name"));
        const char *its_datatype = json_string_value(json_object_get(output, "datatype"));
        if (its_name && its_datatype && strcmp(its_name, name) == 0 && strcmp(its_datatype, datatype) == 0)
            return json_object_get(output, "shape");
    }
    return NULL;
}

/* As a plane a class tells, before height and width. */
static int count_classes(const json_t *top) {
    const json_t *shape = find_output(top, "class_probabilities", "FP32");
    const size_t dims = json_array_size(shape);
    const json_int_t count = dims > 2 ? json_integer_value(json_array_get(shape, dims - 3)) : 0;
    return count > 0 && count < BT_REMOTE_CLASSES_UNKNOWN ? (int)count : BT_REMOTE_CLASSES_UNKNOWN;
}

/* What a user of segmentation asks for: labels, where each pixel has one, else the one that is a mask by its name and
 * type. */
static void choose_output(bt_remote_model *out, const json_t *top) {
    const bool labels = json_array_size(find_output(top, "labels", "UINT8")) == (out->batched ? 3 : 2);
    if (labels) out->classes = count_classes(top);
    if (labels || find_output(top, "mask", "UINT8"))
        snprintf(out->map, sizeof out->map, "%s", labels ? "labels" : "mask");
}

bt_status bt_remote_model_read(bt_remote_model *out, const char *text, size_t size, const char *where,
                               bt_error *error) {
    json_t *top;
    *out = (bt_remote_model){.max_queue_delay_ms = NAN, .p95_sla_ms = NAN};
    bt_status status = bt_json_from_text(&top, text, size, where, error);
    if (status != BT_OK) return status;
    status = bt_json_text(top, "name", out->name, sizeof out->name, where, error);
    if (status == BT_OK) status = read_input(out, top, where, error);
    if (status == BT_OK) choose_output(out, top);
    json_decref(top);
    return status;
}

bool bt_remote_model_alike(const bt_remote_model *a, const bt_remote_model *b) {
    return strcmp(a->input, b->input) == 0 && strcmp(a->map, b->map) == 0 && a->classes == b->classes &&
           a->pixels == b->pixels && a->batched == b->batched && a->channels_first == b->channels_first &&
           a->height == b->height && a->width == b->width;
}

/* ---- its configuration ---- */

static int count_of(const json_t *value, int most) {
    const json_int_t count = json_integer_value(value); /* 0 of what is none */
    return count > 0 && count <= most ? (int)count : 0;
}

static const char *parameter_of(const json_t *top, const char *name) {
    const json_t *parameter = json_object_get(json_object_get(top, "parameters"), name);
    return json_string_value(json_object_get(parameter, "string_value"));
}

/* This project's server takes pictures of any size, and says which size its network has: "WIDTHxHEIGHT". */
static void take_own(bt_remote_model *model, const json_t *top) {
    const char *size = parameter_of(top, "input_size"), *sla = parameter_of(top, "p95_sla_ms");
    int width, height;
    if (size && sscanf(size, "%5dx%5d", &width, &height) == 2 && width > 0 && height > 0 &&
        width <= SIDE_MAX && height <= SIDE_MAX) {
        model->own_width = width;
        model->own_height = height;
    }
    const double sla_ms = sla ? bt_text_read_number(sla, NULL) : NAN;
    if (sla_ms > 0 && isfinite(sla_ms)) model->p95_sla_ms = sla_ms;
}

void bt_remote_model_read_config(bt_remote_model *model, const char *text, size_t size) {
    json_error_t at;
    json_t *top = bt_json_parse(text, size, &at), *group;
    size_t i;
    const json_t *delay =
        json_object_get(json_object_get(top, "dynamic_batching"), "max_queue_delay_microseconds");
    const json_t *batch = json_object_get(top, "max_batch_size");
    if (json_is_integer(batch)) model->max_batch_size = count_of(batch, BT_BATCH_MAX);
    if (json_is_integer(batch) && json_integer_value(batch) == 0) model->max_batch_size = 1;
    json_array_foreach(json_object_get(top, "instance_group"), i, group) model->instances +=
        count_of(json_object_get(group, "count"), 1024);
    if (json_is_integer(delay) && json_integer_value(delay) >= 0)
        model->max_queue_delay_ms = (double)json_integer_value(delay) / 1e3;
    take_own(model, top);
    json_decref(top);
}

/* ---- the repository ---- */

bt_status bt_remote_index_read(bt_names *out, const char *text, size_t size, const char *where,
                               bt_error *error) {
    json_error_t at;
    json_t *top = bt_json_parse(text, size, &at), *model;
    size_t i;
    out->count = 0;
    if (!json_is_array(top)) {
        json_decref(top);
        return bt_fail(error, BT_PARSE, "%s: the answer is no list of models", where);
    }
    json_array_foreach(top, i, model) {
        const char *name = json_string_value(json_object_get(model, "name"));
        const char *state = json_string_value(json_object_get(model, "state"));
        const bool ready = !state || !*state || strcmp(state, "READY") == 0;
        if (!name || !ready || strlen(name) >= BT_NAME_SIZE || out->count == BT_NAMES_MAX ||
            bt_names_have(out, name)) /* a model of several versions is there several times */
            continue;
        snprintf(out->names[out->count++], BT_NAME_SIZE, "%s", name);
    }
    json_decref(top);
    return BT_OK;
}

/* ---- statistics ---- */

/* A count or a time; where there is none, `untold` gets the bit that says so. */
static int64_t amount_of(const json_t *object, const char *key, unsigned bit, unsigned *untold) {
    const json_t *amount = json_object_get(object, key);
    if (!json_is_integer(amount)) *untold |= bit;
    return json_integer_value(amount) > 0 ? json_integer_value(amount) : 0;
}

static bt_status add_stats(void *owner, const json_t *item, const char *where, bt_error *error) {
    bt_remote_stats *sum = owner, more = {0};
    json_t *stats;
    bt_status status = bt_json_object(item, "inference_stats", &stats, where, error);
    if (status != BT_OK) return status;
    const json_t *success = json_object_get(stats, "success");
    const struct {
        const json_t *object;
        const char *key;
        int64_t *out;
        unsigned bit;
    } amounts[] = {
        {success, "count", &more.requests, BT_REMOTE_NO_STATS},
        {success, "ns", &more.total_ns, BT_REMOTE_NO_TOTAL},
        {json_object_get(stats, "fail"), "count", &more.failed, BT_REMOTE_NO_FAILED},
        {item, "inference_count", &more.inferences, BT_REMOTE_NO_RUNS},
        {item, "execution_count", &more.executions, BT_REMOTE_NO_RUNS},
        {json_object_get(stats, "queue"), "ns", &more.queue_ns, BT_REMOTE_NO_QUEUE},
        {json_object_get(stats, "compute_input"), "ns", &more.input_ns, BT_REMOTE_NO_INPUT},
        {json_object_get(stats, "compute_infer"), "ns", &more.infer_ns, BT_REMOTE_NO_INFER},
        {json_object_get(stats, "compute_output"), "ns", &more.output_ns, BT_REMOTE_NO_OUTPUT},
    };
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
        *amounts[i].out = amount_of(amounts[i].object, amounts[i].key, amounts[i].bit, &more.untold);
    bt_remote_stats_add(sum, &more, 1);
    return BT_OK;
}

bt_status bt_remote_stats_read(bt_remote_stats *out, const char *text, size_t size, const char *where,
                               bt_error *error) {
    json_t *top;
    *out = (bt_remote_stats){0};
    bt_status status = bt_json_from_text(&top, text, size, where, error);
    if (status != BT_OK) return status;
    status = bt_list_read(top, "model_stats", LIST_MAX, add_stats, out, where, error);
    json_decref(top);
    return status;
}

void bt_remote_stats_add(bt_remote_stats *sum, const bt_remote_stats *more, int sign) {
    sum->requests += sign * more->requests;
    sum->failed += sign * more->failed;
    sum->inferences += sign * more->inferences;
    sum->executions += sign * more->executions;
    sum->total_ns += sign * more->total_ns;
    sum->queue_ns += sign * more->queue_ns;
    sum->input_ns += sign * more->input_ns;
    sum->infer_ns += sign * more->infer_ns;
    sum->output_ns += sign * more->output_ns;
    sum->untold |= more->untold;
}
