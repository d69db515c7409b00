#include "backend/onnx-graph.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define NAMES_SIZE 160

const char *bt_onnx_type_name(bt_onnx_type type) {
    static const char *const names[] = {
        [BT_ONNX_FLOAT] = "float32",   [BT_ONNX_UINT8] = "uint8",    [BT_ONNX_INT8] = "int8",
        [BT_ONNX_INT32] = "int32",     [BT_ONNX_INT64] = "int64",    [BT_ONNX_BOOL] = "bool",
        [BT_ONNX_FLOAT16] = "float16", [BT_ONNX_DOUBLE] = "float64", [BT_ONNX_BFLOAT16] = "bfloat16"};
    const bool named = (size_t)type < sizeof names / sizeof *names && names[type];
    return named ? names[type] : "another";
}

/* ---- shapes ---- */

typedef struct shape {
    bt_onnx_type type;
    int rank;
    int64_t dims[BT_GIVEN_RANK]; /* below 0: any */
} shape;

/* A rank beyond BT_GIVEN_RANK is told, its dimensions are not. */
static bt_status read_shape(shape *out, const bt_onnx_library *library, const bt_ort_shape *from,
                            const char *file, bt_error *error) {
    const bt_ort_api *api = library->api;
    size_t rank = 0;
    bt_status status = bt_onnx_said(library, api->shape_type(from, &out->type), BT_BACKEND, file, error);
    if (status == BT_OK)
        status = bt_onnx_said(library, api->shape_rank(from, &rank), BT_BACKEND, file, error);
    out->rank = (int)rank;
    if (status != BT_OK || rank > BT_GIVEN_RANK) return status;
    return bt_onnx_said(library, api->shape_dims(from, out->dims, rank), BT_BACKEND, file, error);
}

/* ---- what goes in ---- */

static bt_status fail_inputs(const bt_onnx_library *library, const bt_ort_session *session, size_t count,
                             const char *file, bt_error *error) {
    char names[NAMES_SIZE] = "", *name;
    for (size_t i = 0; i < count; i++) {
        bt_status status =
            bt_onnx_said(library, library->api->input_name(session, i, library->allocator, &name), BT_BACKEND,
                         file, error);
        if (status != BT_OK) return status;
        bt_text_append(names, sizeof names, "%s\"%.40s\"", i ? ", " : "", name);
        status =
            bt_onnx_said(library, library->api->free_with(library->allocator, name), BT_BACKEND, file, error);
        if (status != BT_OK) return status;
    }
    return bt_fail(
        error, BT_INVALID,
        "%.80s: takes %zu inputs (%s); one is wanted, the images: export it with the others as constants",
        file, count, count ? names : "none");
}

/* "N x 3 x H x W", with numbers where they are fixed. */
static void write_dims(char out[NAMES_SIZE], const shape *s) {
    out[0] = '\0';
    for (int i = 0; i < s->rank && i < BT_GIVEN_RANK; i++) {
        if (s->dims[i] > 0)
            bt_text_append(out, NAMES_SIZE, "%s%lld", i ? " x " : "", (long long)s->dims[i]);
        else
            bt_text_append(out, NAMES_SIZE, "%sany", i ? " x " : "");
    }
}

static bool takes_type(bt_onnx_type type) {
    return type == BT_ONNX_FLOAT || type == BT_ONNX_FLOAT16 || type == BT_ONNX_UINT8;
}

static bool are_channels(int64_t count) {
    return count == 1 || count == 3;
}

/* As the JSON file says, where it says what is not usual. */
static bt_status check_type(const shape *s, const bt_model_map *map, const char *file, bt_error *error) {
    static const bt_onnx_type said[] = {[BT_MODEL_FLOAT32] = BT_ONNX_FLOAT,
                                        [BT_MODEL_FLOAT16] = BT_ONNX_FLOAT16,
                                        [BT_MODEL_UINT8] = BT_ONNX_UINT8};
    if (!takes_type(s->type))
        return bt_fail(error, BT_INVALID,
                       "%.80s: takes numbers of type %s; float32, float16 or uint8 is wanted", file,
                       bt_onnx_type_name(s->type));
    if (map->dtype == BT_MODEL_FLOAT32 || said[map->dtype] == s->type) return BT_OK;
    return bt_fail(error, BT_INVALID, "%.80s: takes numbers of type %s; its JSON file says \"dtype\": \"%s\"",
                   file, bt_onnx_type_name(s->type), bt_onnx_type_name(said[map->dtype]));
}

static bt_status check_channels(const bt_onnx_graph *graph, const shape *s, const bt_model_map *map,
                                const char *file, bt_error *error) {
    char dims[NAMES_SIZE];
    write_dims(dims, s);
    if (graph->channels != 0 && !are_channels(graph->channels))
        return bt_fail(error, BT_INVALID,
                       "%.80s: takes images of %s; N x C x H x W or N x H x W x C is wanted, C being 3 or 1",
                       file, dims);
    if (map->channels != 0 && graph->channels != 0 && map->channels != graph->channels)
        return bt_fail(error, BT_INVALID, "%.80s: takes images of %s; its JSON file says \"channels\": %d",
                       file, dims, map->channels);
    return BT_OK;
}

/* Fixed dimensions as they are, others 0. */
static bt_status read_input(bt_onnx_graph *out, const shape *s, const bt_model_map *map, const char *file,
                            bt_error *error) {
    char dims[NAMES_SIZE];
    int *const first[] = {&out->batch, &out->channels, &out->height, &out->width};
    int *const last[] = {&out->batch, &out->height, &out->width, &out->channels};
    out->input_type = s->type;
    out->channels_last = map->channels_last;
    bt_status status = check_type(s, map, file, error);
    if (status != BT_OK || s->rank == 0) return status; /* of no rank: it does not say */
    write_dims(dims, s);
    if (s->rank != 4)
        return bt_fail(error, BT_INVALID,
                       "%.80s: takes images of %s; N x C x H x W or N x H x W x C is wanted, C being 3 or 1",
                       file, dims);
    out->channels_last = bt_model_map_is_last(map, s->dims[1], s->dims[3]);
    for (int i = 0; i < 4; i++)
        *(out->channels_last ? last : first)[i] =
            s->dims[i] > 0 && s->dims[i] <= INT32_MAX ? (int)s->dims[i] : 0;
    return check_channels(out, s, map, file, error);
}

static bt_status open_input(bt_onnx_graph *out, const bt_ort_session *session, const bt_model_map *map,
                            const char *file, bt_error *error) {
    const bt_onnx_library *library = out->library;
    const bt_ort_api *api = library->api;
    const bt_ort_shape *inside = NULL;
    bt_ort_type *type = NULL;
    size_t count = 0;
    shape s = {0};
    bt_status status = bt_onnx_said(library, api->input_count(session, &count), BT_BACKEND, file, error);
    if (status != BT_OK) return status;
    if (count != 1) return fail_inputs(library, session, count, file, error);
    status = bt_onnx_said(library, api->input_name(session, 0, library->allocator, &out->input), BT_BACKEND,
                          file, error);
    if (status == BT_OK)
        status = bt_onnx_said(library, api->input_type(session, 0, &type), BT_BACKEND, file, error);
    if (status == BT_OK)
        status = bt_onnx_said(library, api->type_shape(type, &inside), BT_BACKEND, file, error);
    if (status == BT_OK && !inside)
        status =
            bt_fail(error, BT_INVALID, "%.80s: takes something else than a tensor; images are wanted", file);
    if (status == BT_OK) status = read_shape(&s, library, inside, file, error);
    if (type) api->release_type(type);
    return status == BT_OK ? read_input(out, &s, map, file, error) : status;
}

/* ---- what comes out ---- */

static bt_status open_outputs(bt_onnx_graph *out, const bt_ort_session *session, const char *file,
                              bt_error *error) {
    const bt_onnx_library *library = out->library;
    size_t count = 0;
    bt_status status =
        bt_onnx_said(library, library->api->output_count(session, &count), BT_BACKEND, file, error);
    for (size_t i = 0; i < count && i < BT_GIVEN_MAX && status == BT_OK; i++) {
        status =
            bt_onnx_said(library, library->api->output_name(session, i, library->allocator, &out->outputs[i]),
                         BT_BACKEND, file, error);
        out->output_count += status == BT_OK;
    }
    return status;
}

bt_status bt_onnx_graph_open(bt_onnx_graph *out, const bt_onnx_library *library,
                             const bt_ort_session *session, const bt_model_map *map, const char *file,
                             bt_error *error) {
    *out = (bt_onnx_graph){.library = library};
    bt_status status = open_input(out, session, map, file, error);
    return status == BT_OK ? open_outputs(out, session, file, error) : status;
}

static void free_name(const bt_onnx_library *library, char *name) {
    bt_error ignored;
    if (name)
        (void)!bt_onnx_said(library, library->api->free_with(library->allocator, name), BT_BACKEND, "",
                            &ignored);
}

void bt_onnx_graph_close(bt_onnx_graph *graph) {
    if (!graph->library) return;
    free_name(graph->library, graph->input);
    for (int i = 0; i < graph->output_count; i++)
        free_name(graph->library, graph->outputs[i]);
    *graph = (bt_onnx_graph){0};
}

bt_status bt_onnx_given(bt_given *out, bt_onnx_type *type, const bt_onnx_library *library,
                        const bt_ort_value *value, const char *name, const char *file, bt_error *error) {
    const bt_ort_api *api = library->api;
    bt_ort_shape *inside = NULL;
    shape s = {0};
    int is_tensor = 0;
    *out = (bt_given){.name = name, .type = "no tensor"};
    *type = BT_ONNX_UNDEFINED;
    bt_status status = bt_onnx_said(library, api->is_tensor(value, &is_tensor), BT_BACKEND, file, error);
    if (status != BT_OK || !is_tensor) return status;
    status = bt_onnx_said(library, api->value_shape(value, &inside), BT_BACKEND, file, error);
    if (status == BT_OK) status = read_shape(&s, library, inside, file, error);
    if (inside) api->release_shape(inside);
    if (status != BT_OK) return status;
    *type = s.type;
    out->type = bt_onnx_type_name(s.type);
    out->floating = s.type == BT_ONNX_FLOAT || s.type == BT_ONNX_FLOAT16 || s.type == BT_ONNX_DOUBLE ||
                    s.type == BT_ONNX_BFLOAT16;
    out->rank = s.rank;
    memcpy(out->dims, s.dims, sizeof out->dims);
    return BT_OK;
}
