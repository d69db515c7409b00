/* A CUDA device made to compute: libbatchtune_cuda.so's kernels, on made-up values, against what is right. */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/cuda/norm.h"
#include "../../shim/cuda/probe.h"
#include "backend/cuda.h"
#include "base/half.h"
#include "base/library.h"
#include "base/random.h"
#include "base/text.h"
#include "kernels/norm.h"

typedef int (*probe_function)(int abi, int index, bt_cuda_probe_result *result);
typedef int (*try_function)(int abi, const bt_cuda_norm *host, int runs, double *seconds);
typedef const char *(*text_function)(int code);

/* Loaded once and kept: the context that it makes stays too. */
static struct {
    pthread_mutex_t lock;
    void *library;
    probe_function probe;
    try_function try;
    text_function text;
} loaded = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bt_status load_library(bt_error *error) {
    char path[PATH_MAX];
    bt_status status = bt_library_find(path, sizeof path, "libbatchtune_cuda.so", error);
    if (status != BT_OK) return status;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library || !bt_library_symbol(library, "bt_cuda_probe", &loaded.probe) ||
        !bt_library_symbol(library, "bt_cuda_norm_try", &loaded.try) ||
        !bt_library_symbol(library, "bt_cuda_norm_error", &loaded.text))
        return bt_fail(error, BT_UNSUPPORTED, "the CUDA kernels do not load: %s", bt_text_load_error());
    loaded.library = library;
    return BT_OK;
}

static bt_status use_library(bt_error *error) {
    int count;
    bt_status status = bt_cuda_count(&count, error);
    if (status != BT_OK) return status;
    pthread_mutex_lock(&loaded.lock);
    status = loaded.library ? BT_OK : load_library(error);
    pthread_mutex_unlock(&loaded.lock);
    return status;
}

/* ---- does it compute at all? ---- */

bt_status bt_cuda_check_device(bt_cuda_check *check, int index, bt_error *error) {
    memset(check, 0, sizeof *check);
    bt_status status = use_library(error);
    if (status != BT_OK) return status;
    bt_cuda_probe_result result = {0};
    int code = loaded.probe(BT_CUDA_PROBE_ABI, index, &result);
    if (code != 0)
        return bt_fail(error, BT_UNSUPPORTED, "cuda:%d: %s (CUDA error %d)", index, result.launch_fault,
                       code);
    check->runtime_version = result.runtime_version;
    check->free_bytes = result.free_bytes;
    memcpy(check->fault, result.launch_fault, sizeof check->fault);
    return BT_OK;
}

/* ---- does the fused norm? ---- */

static const struct type {
    const char *name;
    bt_cuda_type type;
    size_t bytes;
    double limit; /* half a unit in the last place, or FP32's rounding on the way */
} types[] = {
    {"fp32", BT_CUDA_FP32, 4, 2e-5},
    {"fp16", BT_CUDA_FP16, 2, 1.0 / 2048},
    {"bf16", BT_CUDA_BF16, 2, 1.0 / 256},
};

static const struct type *type_called(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

static float value_at(const void *values, const struct type *type, size_t i) {
    uint16_t half;
    uint32_t bits;
    float value;
    if (type->type == BT_CUDA_FP32) return ((const float *)values)[i];
    memcpy(&half, (const char *)values + 2 * i, sizeof half);
    if (type->type == BT_CUDA_FP16) return bt_half_value(half);
    bits = (uint32_t)half << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Numbers of 1/4 to 4 in size, either sign, every bit of the mantissa random. */
static void make_up(void *values, const struct type *type, size_t count, bt_random *random) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)bt_random_below(random, UINT32_MAX);
        uint32_t sign = bits >> 31, exponent = bits >> 29 & 3;
        uint16_t half = type->type == BT_CUDA_FP16
                            ? (uint16_t)(sign << 15 | (13 + exponent) << 10 | (bits & 1023))
                            : (uint16_t)(sign << 15 | (125 + exponent) << 7 | (bits & 127));
        uint32_t word = sign << 31 | (125 + exponent) << 23 | (bits & 0x7fffff);
        if (type->type == BT_CUDA_FP32)
            memcpy((char *)values + 4 * i, &word, sizeof word);
        else
            memcpy((char *)values + 2 * i, &half, sizeof half);
    }
}

/* A case's tensors. */
typedef struct tensors {
    char *x, *residual;
    float *scale, *offset, *x_before, *residual_before;
    double *wanted;
} tensors;

static bool open_tensors(tensors *t, const bt_cuda_norm_case *one, const struct type *type, size_t count) {
    bt_random random = bt_random_stream(one->seed, "cuda norm");
    size_t channels = (size_t)one->channels;
    t->x = malloc(count * type->bytes);
    t->residual = malloc(count * type->bytes);
    t->scale = malloc(channels * sizeof *t->scale);
    t->offset = malloc(channels * sizeof *t->offset);
    t->x_before = malloc(count * sizeof *t->x_before);
    t->residual_before = malloc(count * sizeof *t->residual_before);
    t->wanted = malloc(count * sizeof *t->wanted);
    if (!t->x || !t->residual || !t->scale || !t->offset || !t->x_before || !t->residual_before || !t->wanted)
        return false;
    make_up(t->x, type, count, &random);
    make_up(t->residual, type, count, &random);
    make_up(t->scale, &types[0], channels, &random);
    make_up(t->offset, &types[0], channels, &random);
    for (size_t i = 0; i < count; i++) {
        t->x_before[i] = value_at(t->x, type, i);
        t->residual_before[i] = value_at(t->residual, type, i);
    }
    return true;
}

static void close_tensors(tensors *t) {
    free(t->x);
    free(t->residual);
    free(t->scale);
    free(t->offset);
    free(t->x_before);
    free(t->residual_before);
    free(t->wanted);
}

static void compute_wanted(tensors *t, const bt_cuda_norm_case *one) {
    const bt_norm reference = {.x = t->x_before,
                               .residual = one->residual ? t->residual_before : NULL,
                               .scale = t->scale,
                               .offset = t->offset,
                               .batch = one->batch,
                               .channels = one->channels,
                               .pixels = one->pixels,
                               .epsilon = 1e-5f,
                               .relu = one->relu,
                               .threads = 1};
    bt_norm_reference(&reference, t->wanted);
}

static double largest_error(const tensors *t, const struct type *type, size_t count) {
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)value_at(t->x, type, i) - t->wanted[i]) / (1 + fabs(t->wanted[i]));
        if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

bt_status bt_cuda_try_norm(int index, const bt_cuda_norm_case *one, int runs, bt_cuda_norm_result *result,
                           bt_error *error) {
    const size_t count = (size_t)one->batch * (size_t)one->pixels * (size_t)one->channels;
    const struct type *type = type_called(one->type);
    tensors t = {0};
    *result = (bt_cuda_norm_result){0};
    if (!type) return bt_fail(error, BT_INVALID, "unknown type '%.20s': give fp32, fp16 or bf16", one->type);
    bt_status status = use_library(error);
    if (status == BT_OK && !open_tensors(&t, one, type, count))
        status = bt_no_memory(error, "checking the CUDA kernels");
    if (status == BT_OK) {
        const bt_cuda_norm norm = {.device = index,
                                   .x = t.x,
                                   .residual = one->residual ? t.residual : NULL,
                                   .scale = t.scale,
                                   .offset = t.offset,
                                   .batch = one->batch,
                                   .channels = one->channels,
                                   .pixels = one->pixels,
                                   .epsilon = 1e-5f,
                                   .type = type->type,
                                   .relu = one->relu};
        int code = loaded.try(BT_CUDA_NORM_ABI, &norm, runs, &result->seconds);
        if (code != 0)
            status = bt_fail(error, BT_UNSUPPORTED, "cuda:%d: the fused norm does not run: %s", index,
                             loaded.text(code));
    }
    if (status == BT_OK) {
        compute_wanted(&t, one);
        result->limit = type->limit;
        result->error = largest_error(&t, type, count);
        result->moved_bytes = (int64_t)(count * type->bytes) * (one->residual ? 4 : 3);
    }
    close_tensors(&t);
    return status;
}

/* Whole vectors and not, one block an image and many. */
bt_status bt_cuda_check_norm(int index, bt_error *error) {
    static const bt_cuda_norm_case cases[] = {
        {"fp16", 2, 48, 33 * 31, true, true, 1}, {"fp16", 1, 64, 16384, false, true, 2},
        {"bf16", 1, 130, 77, true, false, 3},    {"bf16", 2, 96, 4096, false, true, 4},
        {"fp32", 1, 3, 8192, false, false, 5},   {"fp32", 3, 256, 64, true, true, 6},
        {"fp16", 1, 1, 65536, false, false, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_cuda_norm_result result;
        bt_status status = bt_cuda_try_norm(index, &cases[i], 0, &result, error);
        if (status != BT_OK) return status;
        if (!(result.error <= result.limit))
            return bt_fail(error, BT_UNSUPPORTED,
                           "cuda:%d: the fused norm computes wrong (%s, %d channels: off by %.2g)", index,
                           cases[i].type, cases[i].channels, result.error);
    }
    return BT_OK;
}
