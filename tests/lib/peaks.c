#include "peaks.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plan/onednn.h"

/* A value, twice over: 0.75 in BF16 and, near enough, in FP32, and a byte that is far from 0. Zeros would draw
 * less power and let the clock rise. */
#define FILL 0x3f41

/* What a product of bytes is worth: small enough for sums that are bytes again, and not all 255. */
#define SCALE 1e-5F

static const struct {
    const char *name;
    bt_value_type type;
} precisions[] = {{"fp32", BT_F32}, {"bf16", BT_BF16}, {"int8", BT_U8}};

/* From 0.5 to 1.2 billion operations each, so that a run takes milliseconds, and at most 2 MB of activations. */
static const bt_conv_shape shapes[] = {
    {.batch = 1, .channels = 256, .height = 28, .width = 28, .out_channels = 256, .kernel = 3, .padding = 1},
    {.batch = 1, .channels = 512, .height = 16, .width = 16, .out_channels = 512, .kernel = 3, .padding = 1},
    {.batch = 1, .channels = 512, .height = 32, .width = 32, .out_channels = 512, .kernel = 1},
};

#define OUT_CHANNELS_MAX 512

#define PRECISIONS ((int)(sizeof precisions / sizeof *precisions))
#define SHAPES     ((int)(sizeof shapes / sizeof *shapes))

typedef struct product {
    int precision;
    double gflop; /* of one run */
    bt_primitive *primitive;
    bt_packed *weights;
    double least_ms; /* of its turns; infinite before the first */
} product;

struct peaks {
    int threads, count;
    void *x, *out, *scratch;
    product products[PRECISIONS * SHAPES];
};

const char *peaks_precision(int index) {
    return index >= 0 && index < PRECISIONS ? precisions[index].name : NULL;
}

static size_t values_of(const bt_conv_shape *s) {
    const int channels = s->channels > s->out_channels ? s->channels : s->out_channels;
    return (size_t)s->batch * (size_t)channels * (size_t)s->height * (size_t)s->width;
}

static size_t weights_of(const bt_conv_shape *s) {
    return (size_t)s->out_channels * (size_t)s->channels * (size_t)s->kernel * (size_t)s->kernel;
}

/* Memory of `bytes` that is touched, as wide as vectors; NULL where there is none. */
static void *filled(size_t bytes) {
    const size_t whole = (bytes / 64 + 1) * 64;
    uint16_t *memory = aligned_alloc(64, whole);
    for (size_t i = 0; memory && i < whole / sizeof *memory; i++)
        memory[i] = FILL;
    return memory;
}

/* Adds a product, or leaves it out where oneDNN has none of this kind here. */
static bt_status add_product(peaks *p, int precision, const bt_conv_shape *given, const void *weights,
                             size_t *scratch_bytes, bt_error *error) {
    product *one = &p->products[p->count];
    float scales[OUT_CHANNELS_MAX];
    bt_conv_shape shape = *given;
    for (int i = 0; i < shape.out_channels; i++)
        scales[i] = SCALE;
    shape.stride = 1;
    shape.type = shape.out_type = precisions[precision].type;
    shape.scales = shape.type == BT_U8 ? scales : NULL;
    bt_status status = bt_conv_open(&one->primitive, &shape, weights, NULL, &one->weights, error);
    if (status != BT_OK) return status == BT_BACKEND ? BT_OK : status;
    p->count++;
    one->precision = precision;
    one->gflop = 2e-9 * (double)weights_of(&shape) * shape.height * shape.width;
    one->least_ms = INFINITY;
    const size_t bytes = bt_primitive_scratch_bytes(one->primitive);
    if (bytes > *scratch_bytes) *scratch_bytes = bytes;
    return BT_OK;
}

static bt_status add_products(peaks *p, bt_error *error) {
    size_t values = 0, weight_count = 0, scratch_bytes = 0;
    for (int s = 0; s < SHAPES; s++) {
        if (values_of(&shapes[s]) > values) values = values_of(&shapes[s]);
        if (weights_of(&shapes[s]) > weight_count) weight_count = weights_of(&shapes[s]);
    }
    float *weights = filled(weight_count * sizeof *weights);
    bt_status status = weights ? BT_OK : bt_no_memory(error, "a convolution's weights");
    for (int precision = 0; precision < PRECISIONS; precision++)
        for (int s = 0; s < SHAPES && status == BT_OK; s++)
            status = add_product(p, precision, &shapes[s], weights, &scratch_bytes, error);
    free(weights);
    if (status != BT_OK) return status;
    p->x = filled(values * sizeof(float));
    p->out = filled(values * sizeof(float));
    p->scratch = filled(scratch_bytes);
    if (!p->x || !p->out || !p->scratch) return bt_no_memory(error, "a convolution");
    for (int i = 0; i < p->count; i++)
        bt_primitive_bind(p->products[i].primitive, p->x, NULL, p->out, p->scratch);
    return BT_OK;
}

bt_status peaks_open(peaks **out, int threads, bt_error *error) {
    *out = NULL;
    bt_status status = bt_onednn_load(bt_cpu_best_level(), error);
    if (status != BT_OK) return status;
    peaks *p = calloc(1, sizeof *p);
    if (!p) return bt_no_memory(error, "the peaks");
    p->threads = threads;
    omp_set_num_threads(threads);
    status = add_products(p, error);
    if (status != BT_OK)
        peaks_close(&p);
    else
        *out = p;
    return status;
}

void peaks_close(peaks **p) {
    if (!*p) return;
    for (int i = 0; i < PRECISIONS * SHAPES; i++) {
        bt_primitive_close(&(*p)->products[i].primitive);
        bt_packed_close(&(*p)->products[i].weights);
    }
    free((*p)->x);
    free((*p)->out);
    free((*p)->scratch);
    free(*p);
    *p = NULL;
}

bt_status peaks_turn(peaks *p, bt_error *error) {
    bt_status status = BT_OK;
    omp_set_num_threads(p->threads); /* sessions of the same thread set their own */
    for (int i = 0; i < p->count && status == BT_OK; i++) {
        product *one = &p->products[i];
        status = bt_primitive_run(one->primitive, error);
        const int64_t start_ns = bt_clock_now_ns();
        if (status == BT_OK) status = bt_primitive_run(one->primitive, error);
        one->least_ms = fmin(one->least_ms, bt_ms(bt_clock_now_ns() - start_ns));
    }
    return status;
}

double peaks_gflops(const peaks *p, const char *precision) {
    double most = NAN;
    for (int i = 0; p && i < p->count; i++) {
        const product *one = &p->products[i];
        if (strcmp(precisions[one->precision].name, precision) == 0)
            most = fmax(most, one->gflop / one->least_ms * 1e3);
    }
    return most;
}
