#include "backend/calibrate-wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plan/units.h"

/* Judging groups ends after so long; those that were not reached come last, at no worth. Longer judges all of them
 * on large images too, where a run takes seconds and there are 150 groups; shorter leaves the order to chance. */
#define JUDGE_WITHIN_S 15

typedef struct trial {
    bt_plan *reference;
    const bt_network *network;
    const bt_shape *shapes;
    const bt_units *units;
    const int *of_tensor;
    int group;             /* that is rounded now; negative: none */
    size_t pixels, values; /* of an image, and of its logits */
    float *logits, *rounded;
} trial;

/* To bytes and back, where the tensor is of the group on trial. */
static void round_group(void *context, int tensor, void *values, bt_value_type type, int channels,
                        size_t stride, int64_t pixels) {
    const trial *t = context;
    const bt_units *units = &t->units[tensor];
    float *at = values;
    (void)type; /* an FP32 plan's */
    if (t->group < 0 || t->of_tensor[tensor] != t->group || !units->bytes) return;
    for (int64_t p = 0; p < pixels; p++, at += stride)
        for (int c = 0; c < channels; c++) {
            const float byte = rintf(at[c] * units->per_unit[c] + units->zero[c]);
            at[c] = (fminf(fmaxf(byte, 0), 255) - units->zero[c]) * units->unit[c];
        }
}

static bt_status logits_of(trial *t, int group, const float *image, float *out, bt_error *error) {
    t->group = group;
    return bt_plan_observe(t->reference, 1, image, out, round_group, t, error);
}

/* Multiplications of the convolutions that read the group's tensors, for one image. */
static double work_of(const trial *t, int group) {
    double work = 0;
    for (int i = 0; i < t->network->operation_count; i++) {
        const bt_operation *o = &t->network->operations[i];
        const bt_shape *y = &t->shapes[o->output], *x = &t->shapes[o->inputs[0]];
        if (o->kind == BT_OPERATION_CONVOLUTION && t->of_tensor[o->inputs[0]] == group)
            work += (double)o->kernel * o->kernel * x->channels * y->channels * y->height * y->width;
        if (o->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION && t->of_tensor[o->inputs[0]] == group)
            work += (double)x->channels * y->channels * y->height * y->width;
    }
    return work;
}

/* Squared error of the logits that rounding the group makes, over its work. */
static bt_status worth_of(trial *t, int group, const float *images, int count, double *out, bt_error *error) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const float *image = images + 3 * (size_t)i * t->pixels, *right = t->logits + (size_t)i * t->values;
        bt_status status = logits_of(t, group, image, t->rounded, error);
        if (status != BT_OK) return status;
        for (size_t p = 0; p < t->values; p++) {
            const double off = (double)t->rounded[p] - (double)right[p];
            sum += off * off;
        }
    }
    *out = sum / fmax(work_of(t, group), 1);
    return BT_OK;
}

typedef struct ranked {
    int group;
    double worth;
} ranked;

static int compare_worth(const void *a, const void *b) {
    const double x = ((const ranked *)a)->worth, y = ((const ranked *)b)->worth;
    return (x < y) - (x > y);
}

static bt_status rank(trial *t, bt_wide_order *out, const float *images, int count, bt_error *error) {
    ranked *order = malloc((size_t)t->network->tensor_count * sizeof *order);
    if (!order) return bt_no_memory(error, "a calibration");
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++)
        status =
            logits_of(t, -1, images + 3 * (size_t)i * t->pixels, t->logits + (size_t)i * t->values, error);
    const int64_t end_ns = bt_clock_now_ns() + JUDGE_WITHIN_S * BT_NS_PER_S;
    for (int tensor = 0; tensor < t->network->tensor_count && status == BT_OK; tensor++) {
        if (t->of_tensor[tensor] != tensor) continue; /* a group is called after its first tensor */
        ranked *one = &order[out->count++];
        *one = (ranked){.group = tensor};
        if (bt_clock_now_ns() < end_ns) status = worth_of(t, tensor, images, count, &one->worth, error);
    }
    qsort(order, (size_t)out->count, sizeof *order, compare_worth);
    for (int i = 0; i < out->count; i++)
        out->groups[i] = order[i].group;
    free(order);
    return status;
}

bt_status bt_wide_order_open(bt_wide_order *out, bt_plan *reference, const bt_network *network,
                             const bt_calibration *calibration, const float *images, int count,
                             bt_error *error) {
    const size_t tensors = (size_t)network->tensor_count;
    bt_shape *shapes = malloc(tensors * sizeof *shapes);
    bt_units *units = NULL;
    trial t = {.reference = reference,
               .network = network,
               .shapes = shapes,
               .pixels = (size_t)calibration->height * (size_t)calibration->width};
    *out = (bt_wide_order){.groups = malloc(tensors * sizeof(int))};
    t.values = t.pixels * (size_t)network->channels[network->output_tensor];
    t.logits = malloc((size_t)(count + 1) * t.values * sizeof(float));
    bt_status status = shapes && out->groups && t.logits ? BT_OK : bt_no_memory(error, "a calibration");
    if (status == BT_OK)
        status = bt_network_shapes(network, calibration->height, calibration->width, shapes, error);
    if (status == BT_OK) status = bt_units_groups(&out->of_tensor, network, shapes, error);
    if (status == BT_OK) status = bt_units_open(&units, network, shapes, calibration, error);
    if (status == BT_OK) {
        t.units = units;
        t.of_tensor = out->of_tensor;
        t.rounded = t.logits + (size_t)count * t.values;
        status = rank(&t, out, images, count, error);
    }
    if (units) bt_units_close(&units, network);
    free(shapes);
    free(t.logits);
    if (status != BT_OK) bt_wide_order_close(out);
    return status;
}

void bt_wide_order_close(bt_wide_order *order) {
    free(order->groups);
    free(order->of_tensor);
    *order = (bt_wide_order){0};
}

void bt_wide_order_apply(const bt_wide_order *order, int count, bt_calibration *calibration) {
    for (int i = 0; i < calibration->tensor_count; i++) {
        bt_calibrated_tensor *tensor = &calibration->tensors[i];
        tensor->wide = false;
        for (int g = 0; g < count && g < order->count; g++)
            if (order->of_tensor[tensor->tensor] == order->groups[g]) tensor->wide = true;
    }
}
