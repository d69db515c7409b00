#include "networks/class-maps.h"

#include <math.h>
#include <string.h>

#include "image/exponential.inc"
#include "image/labels.h"
#include "networks/fitting.h"

/* Pixels that are worked on at once: a plane after the other, in a first cache. */
#define BLOCK 512

/* Some of the classes, in order. */
typedef struct side {
    int classes[BT_MODEL_CLASSES_MAX];
    int count;
} side;

static void choose_side(side *out, const bt_class_maps *m, bool in_mask) {
    out->count = 0;
    for (int c = 0; c < m->classes; c++)
        if (bt_model_map_masks(m->map, c, m->classes) == in_mask) out->classes[out->count++] = c;
}

static const float *plane(const bt_class_maps *m, int class_number, size_t from) {
    return m->planes + (size_t)class_number * m->pixels + from;
}

/* ---- one map of several ---- */

static void highest(const bt_class_maps *m, const side *of, size_t from, size_t count, float *out) {
    memcpy(out, plane(m, of->classes[0], from), count * sizeof *out);
    for (int c = 1; c < of->count; c++) {
        const float *values = plane(m, of->classes[c], from);
        for (size_t i = 0; i < count; i++)
            out[i] = values[i] > out[i] ? values[i] : out[i];
    }
}

static void sum(const bt_class_maps *m, const side *of, size_t from, size_t count, float *out) {
    memset(out, 0, count * sizeof *out);
    for (int c = 0; c < of->count; c++) {
        const float *values = plane(m, of->classes[c], from);
        for (size_t i = 0; i < count; i++)
            out[i] += values[i];
    }
}

/* The logarithm of the sum of exponentials, from the highest on, so that none is too large. */
static void log_sum(const bt_class_maps *m, const side *of, size_t from, size_t count, float *out) {
    float total[BLOCK] = {0};
    highest(m, of, from, count, out);
    if (of->count == 1) return;
    for (int c = 0; c < of->count; c++) {
        const float *values = plane(m, of->classes[c], from);
        for (size_t i = 0; i < count; i++)
            total[i] += bt_exponential(values[i] - out[i]);
    }
    for (size_t i = 0; i < count; i++)
        out[i] += logf(total[i]);
}

/* With e the exponentials of all logits, p = sum of e inside / sum of e, and log(p / (1 - p)) is the logarithm of the sum
 * inside less that of the sum outside. */
static void log_ratio(const bt_class_maps *m, const side *inside, const side *outside, size_t from,
                      size_t count, float *out) {
    float other[BLOCK];
    log_sum(m, inside, from, count, out);
    log_sum(m, outside, from, count, other);
    for (size_t i = 0; i < count; i++)
        out[i] -= other[i];
}

void bt_class_maps_merge(const bt_class_maps *m, float *out) {
    side inside, outside;
    choose_side(&inside, m, true);
    choose_side(&outside, m, false);
    for (size_t from = 0; from < m->pixels; from += BLOCK) {
        const size_t count = m->pixels - from < BLOCK ? m->pixels - from : BLOCK;
        if (m->map->sigmoid || m->classes == 1)
            highest(m, &inside, from, count, out + from);
        else if (m->output == BT_OUTPUT_PROBABILITIES)
            sum(m, &inside, from, count, out + from);
        else
            log_ratio(m, &inside, &outside, from, count, out + from);
    }
}

/* ---- labels ---- */

/* The number above which a sigmoid's probability is above `threshold`. */
static float least_value(const bt_class_maps *m, float threshold) {
    if (!m->map->sigmoid) return -INFINITY;
    return m->output == BT_OUTPUT_PROBABILITIES ? threshold : logf(threshold / (1 - threshold));
}

void bt_class_maps_label(const bt_class_maps *m, float threshold, uint8_t *labels) {
    float most[BLOCK];
    int32_t label[BLOCK];
    const float least = least_value(m, threshold);
    for (size_t from = 0; from < m->pixels; from += BLOCK) {
        const size_t count = m->pixels - from < BLOCK ? m->pixels - from : BLOCK;
        memcpy(most, plane(m, 0, from), count * sizeof *most);
        memset(label, 0, sizeof label);
        for (int c = 1; c < m->classes; c++) {
            const float *values = plane(m, c, from);
            for (size_t i = 0; i < count; i++) {
                const bool higher = values[i] > most[i];
                most[i] = higher ? values[i] : most[i];
                label[i] = higher ? c : label[i];
            }
        }
        for (size_t i = 0; i < count; i++)
            labels[from + i] = (uint8_t)(most[i] > least ? label[i] : BT_NO_LABEL);
    }
}

/* ---- probabilities ---- */

static void sigmoid_block(const bt_class_maps *m, float *planes, size_t from, size_t count) {
    for (int c = 0; c < m->classes; c++) {
        float *values = planes + (size_t)c * m->pixels + from;
        for (size_t i = 0; i < count; i++)
            values[i] = 1 / (1 + bt_exponential(-values[i]));
    }
}

static void softmax_block(const bt_class_maps *m, float *planes, const side *all, size_t from, size_t count) {
    float most[BLOCK], total[BLOCK] = {0};
    highest(m, all, from, count, most);
    for (int c = 0; c < m->classes; c++) {
        float *values = planes + (size_t)c * m->pixels + from;
        for (size_t i = 0; i < count; i++) {
            values[i] = bt_exponential(values[i] - most[i]);
            total[i] += values[i];
        }
    }
    for (int c = 0; c < m->classes; c++) {
        float *values = planes + (size_t)c * m->pixels + from;
        for (size_t i = 0; i < count; i++)
            values[i] /= total[i];
    }
}

void bt_class_maps_to_probabilities(bt_class_maps *m, float *planes) {
    side all = {.count = m->classes};
    if (m->output == BT_OUTPUT_PROBABILITIES) return;
    for (int c = 0; c < m->classes; c++)
        all.classes[c] = c;
    for (size_t from = 0; from < m->pixels; from += BLOCK) {
        const size_t count = m->pixels - from < BLOCK ? m->pixels - from : BLOCK;
        if (m->map->sigmoid || m->classes == 1)
            sigmoid_block(m, planes, from, count);
        else
            softmax_block(m, planes, &all, from, count);
    }
    m->output = BT_OUTPUT_PROBABILITIES;
}

void bt_class_maps_label_picture(bt_class_maps *m, float *planes, int height, int width, float threshold,
                                 uint8_t *labels, int to_height, int to_width, int threads, void *scratch) {
    if (to_height == height && to_width == width) {
        bt_class_maps_label(m, threshold, labels);
        return;
    }
    bt_class_maps_to_probabilities(m, planes);
    bt_image_labels(planes, m->classes, height, width, m->map->sigmoid ? threshold : -1, BT_NO_LABEL, labels,
                    to_height, to_width, threads, scratch);
}
