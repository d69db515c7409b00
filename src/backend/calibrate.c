#include "backend/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/calibrate-wide.h"
#include "base/cores.h"
#include "measure/overlap.h"
#include "networks/class-maps.h"
#include "networks/list-file.h"
#include "networks/model.h"
#include "plan/pays.h"
#include "plan/plan.h"
#include "settings/model-file.h"

/* A channel that never spoke has a range all the same, so small that nothing of it is lost. */
#define SILENT 1e-6F

/* What is calibrated, and its masks in FP32. */
typedef struct subject {
    bt_network *network;
    bt_weights *weights;
    bt_plan_options planned;
    bt_plan *reference; /* in FP32 */
    size_t pixels;      /* of an image */
    int classes;
    size_t values;          /* of an image's logits: classes * pixels */
    bt_image_output output; /* what the logits are */
    const bt_model_map *map;
    float *wanted;      /* the reference's logits of the held-out pictures */
    float *logits;      /* of one image */
    uint8_t *labels[2]; /* of one image, wanted and got: of several classes, else NULL */
} subject;

/* ---- ranges ---- */

/* The largest magnitudes met so far, by tensor and channel. */
typedef struct ranges {
    float **largest; /* [tensor], NULL until it was seen */
    int *channels;
    bool no_memory;
} ranges;

static void observe(void *context, int tensor, void *values, bt_value_type type, int channels, size_t stride,
                    int64_t pixels) {
    ranges *seen = context;
    const float *at = values;
    (void)type; /* an FP32 plan's */
    if (!seen->largest[tensor]) seen->largest[tensor] = calloc((size_t)channels, sizeof(float));
    float *largest = seen->largest[tensor];
    if (!largest) {
        seen->no_memory = true;
        return;
    }
    seen->channels[tensor] = channels;
    for (int64_t p = 0; p < pixels; p++, at += stride)
        for (int c = 0; c < channels; c++) {
            const float magnitude = fabsf(at[c]);
            if (magnitude > largest[c] || isnan(magnitude)) largest[c] = magnitude;
        }
}

static bt_status keep_ranges(bt_calibration *calibration, ranges *seen, int tensors, bt_error *error) {
    for (int t = 0; t < tensors; t++) {
        for (int c = 0; seen->largest[t] && c < seen->channels[t]; c++) {
            if (!isfinite(seen->largest[t][c]))
                return bt_fail(error, BT_INVALID, "an activation became no number: nothing to calibrate");
            if (seen->largest[t][c] < SILENT) seen->largest[t][c] = SILENT;
        }
        if (!seen->largest[t]) continue;
        bt_status status = bt_calibration_add(calibration, t, seen->largest[t], seen->channels[t], error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

static bool stopped(const bt_calibrate_options *options) {
    return options->stop && *options->stop;
}

static bt_status given_up(bt_error *error) {
    return bt_fail(error, BT_CLOSED, "calibrating was given up");
}

/* FP32 on every picture: the ranges from the first ones, the masks of the last. */
static bt_status run_reference(subject *n, bt_calibration *calibration, const bt_calibrate_options *options,
                               bt_error *error) {
    const int tensors = n->network->tensor_count;
    ranges seen = {.largest = calloc((size_t)tensors, sizeof(float *)),
                   .channels = calloc((size_t)tensors, sizeof(int))};
    bt_status status = seen.largest && seen.channels ? BT_OK : bt_no_memory(error, "a calibration");
    for (int i = 0; i < options->count && status == BT_OK; i++) {
        const bool held = i >= calibration->pictures;
        float *logits = held ? n->wanted + (size_t)(i - calibration->pictures) * n->values : n->logits;
        const float *image = options->images + 3 * (size_t)i * n->pixels;
        status = held ? bt_plan_run(n->reference, 1, image, logits, error)
                      : bt_plan_observe(n->reference, 1, image, logits, observe, &seen, error);
        if (status == BT_OK && seen.no_memory) status = bt_no_memory(error, "a calibration");
        if (status == BT_OK && stopped(options)) status = given_up(error);
    }
    if (status == BT_OK) status = keep_ranges(calibration, &seen, tensors, error);
    for (int t = 0; seen.largest && t < tensors; t++)
        free(seen.largest[t]);
    free(seen.largest);
    free(seen.channels);
    return status;
}

/* ---- agreement ---- */

/* Of one image: of its masks, or of several classes the mean over those of its labels. */
static double agreement_of(const subject *n, const float *wanted) {
    if (n->classes == 1)
        return bt_overlap_iou(bt_overlap_of(wanted, n->logits, n->pixels, bt_model_threshold(n->output)));
    bt_overlap of_class[BT_MODEL_CLASSES_MAX];
    const float *const planes[] = {wanted, n->logits};
    for (int i = 0; i < 2; i++) {
        const bt_class_maps maps = {planes[i], n->classes, n->pixels, n->output, n->map};
        bt_class_maps_label(&maps, 0.5F, n->labels[i]);
    }
    bt_overlap_of_labels(of_class, n->classes, n->labels[0], n->labels[1], n->pixels);
    return bt_overlap_mean_iou(of_class, n->classes);
}

static bt_status compare(subject *n, bt_calibration *calibration, const float *held_out, int count,
                         bt_error *error) {
    bt_plan *bytes = NULL;
    bt_plan_options options = n->planned;
    options.type = strcmp(calibration->floats, "bf16") == 0 ? BT_BF16 : BT_F32;
    options.calibration = calibration;
    bt_status status = bt_plan_open(&bytes, &options, error);
    double sum = 0, least = 1;
    for (int i = 0; i < count && status == BT_OK; i++) {
        status = bt_plan_run(bytes, 1, held_out + 3 * (size_t)i * n->pixels, n->logits, error);
        const double iou = agreement_of(n, n->wanted + (size_t)i * n->values);
        sum += iou;
        least = fmin(least, iou);
    }
    bt_plan_close(&bytes);
    calibration->mask_iou = sum / count;
    calibration->mask_iou_least = least;
    return status;
}

/* What no held-out picture's masks may fall below where any agreement is wanted. The mean hides a picture with
 * little on it: CBAM-ResUNet's had 0.991, one of 40 pictures 0.934. */
#define LEAST_IOU 0.97

static bool agrees(const bt_calibration *calibration, const bt_calibrate_options *options) {
    return !(options->wanted_iou > 0) ||
           (calibration->mask_iou >= options->wanted_iou &&
            calibration->mask_iou_least >= fmin(LEAST_IOU, options->wanted_iou));
}

/* Pictures that groups are judged by. More tell them apart better; each costs a run in FP32 a group. */
#define WIDE_PICTURES 2

/* Groups stay in floats, twice as many each time, until the masks agree as wanted or half of the groups do:
 * then bytes are of little use. The last try is what stays. */
static bt_status widen(subject *n, bt_calibration *calibration, const bt_calibrate_options *options,
                       const float *held, int held_out, bt_error *error) {
    bt_wide_order order;
    const int pictures = calibration->pictures < WIDE_PICTURES ? calibration->pictures : WIDE_PICTURES;
    bt_status status =
        bt_wide_order_open(&order, n->reference, n->network, calibration, options->images, pictures, error);
    if (status != BT_OK) return status;
    for (int count = 1; status == BT_OK && !agrees(calibration, options) && count <= (order.count + 1) / 2;
         count *= 2) {
        bt_wide_order_apply(&order, count, calibration);
        status = compare(n, calibration, held, held_out, error);
        if (status == BT_OK && stopped(options)) status = given_up(error);
    }
    bt_wide_order_close(&order);
    return status;
}

/* ---- all of it ---- */

static void close_network(subject *n) {
    bt_plan_close(&n->reference);
    bt_weights_close(&n->weights);
    bt_network_close(&n->network);
    free(n->wanted);
    free(n->logits);
    free(n->labels[0]);
    free(n->labels[1]);
}

static bt_status open_network(subject *n, const bt_session_options *session, int held_out, bt_error *error) {
    bt_status status = bt_network_open_file(&n->network, session->model, session->model_file, error);
    if (status == BT_OK)
        status = bt_network_check_size(n->network->title, n->network->size_multiple, session->height,
                                       session->width, error);
    if (status == BT_OK) status = bt_weights_open(&n->weights, n->network, session->weights, error);
    if (status != BT_OK) return status;
    n->pixels = (size_t)session->height * (size_t)session->width;
    n->planned = (bt_plan_options){.network = n->network,
                                   .weights = n->weights,
                                   .height = session->height,
                                   .width = session->width,
                                   .threads = session->threads > 0 ? session->threads : bt_cores_count(),
                                   .type = BT_F32,
                                   .level = bt_cpu_best_level()};
    n->classes = n->network->channels[n->network->output_tensor];
    n->values = (size_t)n->classes * n->pixels;
    n->wanted = malloc((size_t)held_out * n->values * sizeof(float));
    n->logits = malloc(n->values * sizeof(float));
    for (int i = 0; i < 2 && n->classes > 1; i++)
        n->labels[i] = malloc(n->pixels);
    if (!n->wanted || !n->logits || (n->classes > 1 && (!n->labels[0] || !n->labels[1])))
        return bt_no_memory(error, "a calibration");
    return bt_plan_open(&n->reference, &n->planned, error);
}

/* What is not bytes is in the precision that runs faster here. */
static bt_status choose_floats(bt_calibration *calibration, bt_error *error) {
    double speed = 0;
    bt_status status = bt_cpu_best_level() >= BT_CPU_AVX512_BF16 ? bt_bf16_speed(&speed, error) : BT_OK;
    snprintf(calibration->floats, sizeof calibration->floats, "%s", speed > 1 ? "bf16" : "fp32");
    return status;
}

static void describe(bt_calibration *calibration, const subject *n, const bt_calibrate_options *options) {
    snprintf(calibration->model, sizeof calibration->model, "%s", options->session->model);
    snprintf(calibration->source, sizeof calibration->source, "%s", options->source);
    calibration->weights_hash = n->weights->hash;
    calibration->height = options->session->height;
    calibration->width = options->session->width;
}

static bt_status calibrate(subject *n, bt_calibration *calibration, const bt_calibrate_options *options,
                           bt_error *error) {
    const int held_out = options->count - calibration->pictures;
    const float *held = options->images + 3 * (size_t)calibration->pictures * n->pixels;
    bt_status status = run_reference(n, calibration, options, error);
    if (status == BT_OK) status = choose_floats(calibration, error);
    if (status == BT_OK) status = compare(n, calibration, held, held_out, error);
    if (status != BT_OK || agrees(calibration, options)) return status;
    return widen(n, calibration, options, held, held_out, error);
}

bt_status bt_calibrate_check(const bt_session_options *session, bt_error *error) {
    if (!session->device || strcmp(session->device, "cpu") != 0)
        return bt_fail(error, BT_UNSUPPORTED, "INT8 is the CPU's: on %.40s give --precision auto",
                       session->device ? session->device : "nothing");
    if (session->model_file && session->model_file[0] && !bt_model_file_is_list(session->model_file))
        return bt_fail(error, BT_UNSUPPORTED,
                       "%.60s is a file of its own, which has no compiled plan and so no INT8: give "
                       "--precision auto",
                       session->model);
    if (session->path != BT_PATH_PRODUCTION)
        return bt_fail(error, BT_UNSUPPORTED, "INT8 is the production path's: give --path production");
    if (bt_cpu_best_level() < BT_CPU_AVX2)
        return bt_fail(error, BT_UNSUPPORTED,
                       "this CPU has no AVX2 with FMA, which INT8 needs: give --precision auto");
    return BT_OK;
}

bt_status bt_calibrate(bt_calibration **out, const char *path, const bt_calibrate_options *options,
                       bt_error *error) {
    const int held_out = options->count / 4 > 1 ? options->count / 4 : 1;
    static const bt_model built_in = {.output = BT_OUTPUT_LOGITS};
    const bt_model *model = options->session->resolved ? options->session->resolved : &built_in;
    subject n = {.output = model->output, .map = &model->map};
    bt_calibration *calibration = NULL;
    bt_status status = bt_calibrate_check(options->session, error);
    if (status == BT_OK && options->count < 2)
        status =
            bt_fail(error, BT_INVALID, "INT8 wants two pictures at least: one to calibrate, one to check");
    if (status == BT_OK) status = bt_calibration_open(&calibration, error);
    if (status == BT_OK) status = open_network(&n, options->session, held_out, error);
    if (status == BT_OK) {
        calibration->pictures = options->count - held_out;
        describe(calibration, &n, options);
        status = calibrate(&n, calibration, options, error);
    }
    if (status == BT_OK) status = bt_calibration_save(calibration, path, error);
    close_network(&n);
    if (status == BT_OK && out) {
        *out = calibration;
        calibration = NULL;
    }
    bt_calibration_close(&calibration);
    return status;
}
