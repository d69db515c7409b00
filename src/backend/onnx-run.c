/* Running an ONNX network: the images in its numbers, the map in ours, and the trial that tells which tensor is the map. */
#include "backend/onnx-session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/onnx-values.h"
#include "base/text.h"
#include "image/enlarge.h"

/* ---- running ---- */

static bt_status grow(bt_onnx_room *r, size_t bytes, bt_error *error) {
    if (bytes <= r->bytes) return BT_OK;
    free(r->start);
    *r = (bt_onnx_room){.start = malloc(bytes)};
    if (!r->start) return bt_no_memory(error, "a batch of %zu bytes", bytes);
    r->bytes = bytes;
    return BT_OK;
}

static size_t pixels_of(const bt_onnx_session *s) {
    return (size_t)s->layout.height * (size_t)s->layout.width;
}

/* As they go in. */
static size_t padded_pixels_of(const bt_onnx_session *s) {
    return (size_t)s->layout.padded_height * (size_t)s->layout.padded_width;
}

/* A tensor over the caller's memory. */
static bt_status lay_over(bt_ort_value **out, const bt_onnx_session *s, void *memory, const int64_t *dims,
                          int rank, bt_onnx_type type, bt_error *error) {
    size_t bytes = bt_onnx_value_bytes(type);
    for (int i = 0; i < rank; i++)
        bytes *= (size_t)dims[i];
    return bt_onnx_said(
        s->library,
        s->library->api->create_tensor(s->library->host, memory, bytes, dims, (size_t)rank, type, out),
        BT_BACKEND, s->file, error);
}

/* `count` images in the network's numbers, channels and layout, and as many black ones as a batch of `size` wants. */
static bt_status fill_input(bt_onnx_session *s, int size, int count, const float *images, bt_error *error) {
    const bt_onnx_layout *l = &s->layout;
    const bt_onnx_type type = s->graph.input_type;
    const size_t bytes = bt_onnx_value_bytes(type), values = (size_t)l->channels * pixels_of(s),
                 image_bytes = (size_t)l->channels * padded_pixels_of(s) * bytes;
    const bool moves = bt_onnx_layout_pads(l) || l->channels_last;
    bt_status status = grow(&s->input, (size_t)size * image_bytes, error);
    if (status == BT_OK && moves) status = grow(&s->typed, (size_t)count * values * bytes, error);
    if (status != BT_OK) return status;
    bt_onnx_put_images(moves ? s->typed.start : s->input.start, type, l->channels, images, (size_t)count,
                       pixels_of(s), &s->subject.model.norm);
    if (moves) bt_onnx_lay_out(s->input.start, s->typed.start, (size_t)count, l, bytes);
    memset((char *)s->input.start + (size_t)count * image_bytes, 0, (size_t)(size - count) * image_bytes);
    return BT_OK;
}

/* A batch of `size` for the network, of which `count` are images. */
static bt_status make_input(bt_ort_value **out, bt_onnx_session *s, int size, int count, const float *images,
                            bt_error *error) {
    const bt_onnx_layout *l = &s->layout;
    const int64_t first[] = {size, l->channels, l->padded_height, l->padded_width},
                  last[] = {size, l->padded_height, l->padded_width, l->channels};
    const bool as_they_are = s->graph.input_type == BT_ONNX_FLOAT && l->channels == 3 && size == count &&
                             !l->channels_last && !bt_onnx_layout_pads(l);
    bt_status status = as_they_are ? BT_OK : fill_input(s, size, count, images, error);
    if (status != BT_OK) return status;
    return lay_over(out, s, as_they_are ? (void *)images : s->input.start, /* which is only read */
                    l->channels_last ? last : first, 4, s->graph.input_type, error);
}

/* Fails with `status`. */
static bt_status run_inside(bt_onnx_session *s, bt_status status, const bt_ort_value *input,
                            const char *const *names, int count, bt_ort_value **outputs, bt_error *error) {
    const char *const input_names[] = {s->graph.input};
    const bt_ort_value *const inputs[] = {input};
    return bt_onnx_said(
        s->library,
        s->library->api->run(s->inside, NULL, input_names, inputs, 1, names, (size_t)count, outputs), status,
        s->file, error);
}

/* What came, as floats of the pictures' size: as floats, by classes, enlarged, cropped, each where it must be. */
static bt_status take_output(bt_onnx_session *s, int count, float *logits, bt_error *error) {
    const bt_onnx_map *m = &s->map;
    const bt_onnx_layout *l = &s->layout;
    const int planes = count * s->base.info.classes;
    const int height = l->padded_height / m->factor, width = l->padded_width / m->factor;
    const size_t pixels = (size_t)height * (size_t)width, values = (size_t)planes * pixels;
    const size_t enlarging = m->factor > 1 ? bt_image_enlarge_bytes(planes, height, width, m->factor) : 0;
    const size_t padded = bt_onnx_layout_pads(l) ? (size_t)planes * padded_pixels_of(s) : 0;
    bt_status status = grow(&s->scratch, enlarging + (2 * values + padded) * sizeof(float), error);
    if (status != BT_OK) return status;
    float *floats = (float *)((char *)s->scratch.start + enlarging), *by_class = floats + values;
    float *whole = padded > 0 ? by_class + values : logits; /* of the size that went in */
    if (m->factor == 1) by_class = whole;
    if (!m->channels_last) floats = by_class;
    bt_onnx_take_values(floats, s->output.start, m->type, values);
    if (m->channels_last)
        bt_onnx_part_planes(by_class, floats, (size_t)count, pixels, (size_t)s->base.info.classes);
    if (m->factor > 1)
        bt_image_enlarge(by_class, planes, height, width, m->factor, whole, s->base.info.threads,
                         s->scratch.start);
    if (padded > 0) bt_onnx_crop(logits, whole, (size_t)planes, l);
    return BT_OK;
}

/* One run of the network: the caller's memory goes in and comes out where it is as the network has it. */
static bt_status run_once(bt_onnx_session *s, int size, int count, const float *images, float *logits,
                          bt_error *error) {
    const bt_onnx_map *m = &s->map;
    const bool direct = m->type == BT_ONNX_FLOAT && m->factor == 1 && !m->channels_last && size == count &&
                        !bt_onnx_layout_pads(&s->layout);
    const char *const names[] = {s->graph.outputs[m->number]};
    bt_ort_value *input = NULL, *output = NULL;
    int64_t dims[4];
    size_t bytes = bt_onnx_value_bytes(m->type);
    memcpy(dims, m->dims, sizeof dims);
    dims[0] = size;
    for (int i = 0; i < m->rank; i++)
        bytes *= (size_t)dims[i];
    bt_status status = direct ? BT_OK : grow(&s->output, bytes, error);
    if (status == BT_OK) status = make_input(&input, s, size, count, images, error);
    if (status == BT_OK)
        status =
            lay_over(&output, s, direct ? (void *)logits : s->output.start, dims, m->rank, m->type, error);
    if (status == BT_OK) status = run_inside(s, BT_BACKEND, input, names, 1, &output, error);
    if (output) s->library->api->release_value(output);
    if (input) s->library->api->release_value(input);
    return status != BT_OK || direct ? status : take_output(s, count, logits, error);
}

bt_status bt_onnx_run(bt_session *base, int batch_size, const float *images, float *logits, bt_error *error) {
    bt_onnx_session *s = (bt_onnx_session *)base;
    const int size = s->graph.batch > 0 ? s->graph.batch : batch_size;
    const size_t in = 3 * pixels_of(s), out = (size_t)base->info.classes * pixels_of(s);
    bt_status status = BT_OK;
    for (int done = 0; done < batch_size && status == BT_OK; done += size) {
        const int count = batch_size - done < size ? batch_size - done : size;
        status = run_once(s, size, count, images + (size_t)done * in, logits + (size_t)done * out, error);
    }
    return status;
}

/* ---- trying ---- */

/* Decides which of what came is the map. */
static bt_status fit(bt_onnx_session *s, bt_ort_value **outputs, int size, bt_error *error) {
    bt_given given[BT_GIVEN_MAX];
    bt_onnx_type types[BT_GIVEN_MAX];
    bt_fitted fitted;
    const bt_given_for images = {.file = s->file,
                                 .batch_size = size,
                                 .channels = s->layout.channels,
                                 .height = s->layout.padded_height,
                                 .width = s->layout.padded_width};
    bt_status status = BT_OK;
    for (int i = 0; i < s->graph.output_count && status == BT_OK; i++)
        status =
            bt_onnx_given(&given[i], &types[i], s->library, outputs[i], s->graph.outputs[i], s->file, error);
    if (status == BT_OK)
        status = bt_model_fit(&fitted, &s->subject.model.map, given, s->graph.output_count, &images, error);
    if (status != BT_OK) return status;
    const bt_given *chosen = &given[fitted.tensor];
    s->map = (bt_onnx_map){.number = fitted.tensor,
                           .type = types[fitted.tensor],
                           .rank = chosen->rank,
                           .factor = fitted.factor,
                           .channels_last = fitted.channels_last};
    memcpy(s->map.dims, chosen->dims, sizeof s->map.dims);
    s->base.info.classes = fitted.classes;
    bt_text_append_clause(s->base.info.found_note, sizeof s->base.info.found_note, "%s", fitted.found);
    return BT_OK;
}

/* A run of black images, whose outputs ONNX Runtime allocates. */
static bt_status try_run(bt_onnx_session *s, bt_error *error) {
    bt_ort_value *input = NULL, *outputs[BT_GIVEN_MAX] = {0};
    const int size = s->graph.batch > 0 ? s->graph.batch : 1;
    float *images = calloc(3 * pixels_of(s) * (size_t)size, sizeof *images);
    if (!images) return bt_no_memory(error, "a batch of %d images", size);
    bt_status status = make_input(&input, s, size, size, images, error);
    if (status == BT_OK)
        status = run_inside(s, BT_INVALID, input, (const char *const *)s->graph.outputs,
                            s->graph.output_count, outputs, error);
    if (status == BT_OK) status = fit(s, outputs, size, error);
    for (int i = 0; i < s->graph.output_count; i++)
        if (outputs[i]) s->library->api->release_value(outputs[i]);
    if (input) s->library->api->release_value(input);
    free(images);
    return status;
}

/* What goes in otherwise than usual, of which nobody had spoken, is told first. */
static void note_input(bt_session_info *info, bool grey, bool last) {
    char found[sizeof info->found_note];
    memcpy(found, info->found_note, sizeof found);
    info->found_note[0] = '\0';
    if (grey)
        bt_text_append_clause(info->found_note, sizeof info->found_note,
                              "takes pictures of one channel, the mean of the three (\"channels\": 1)");
    if (last)
        bt_text_append_clause(info->found_note, sizeof info->found_note,
                              "takes its channels last (\"layout\": \"NHWC\")");
    if (found[0]) bt_text_append_clause(info->found_note, sizeof info->found_note, "%s", found);
}

/* Where both fail the first failure counts. */
bt_status bt_onnx_try(bt_onnx_session *s, bt_error *error) {
    const int said = s->subject.model.map.channels;
    const bool open = s->graph.channels == 0 && said == 0;
    bt_error ignored;
    s->layout.channels_last = s->graph.channels_last;
    s->layout.channels = s->graph.channels > 0 ? s->graph.channels : said > 0 ? said : 3;
    bt_status status = try_run(s, error);
    if (status == BT_INVALID && open) {
        s->layout.channels = 1;
        if (try_run(s, &ignored) == BT_OK) status = BT_OK;
    }
    if (status == BT_OK)
        note_input(&s->base.info, s->layout.channels == 1 && said == 0,
                   s->layout.channels_last && !s->subject.model.map.channels_last);
    return status;
}

void bt_onnx_run_close(bt_onnx_session *s) {
    free(s->typed.start);
    free(s->input.start);
    free(s->output.start);
    free(s->scratch.start);
}
