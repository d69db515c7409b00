#include "networks/weights.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cores.h"
#include "base/random.h"
#include "base/text.h"
#include "networks/demo.h"
#include "settings/weights-source.h"

#define COUNTER "counter:"

/* A vector register's reach and a cache line: kernels may load from the start of any parameter. */
#define ALIGNMENT       64
#define HUGE_PAGE       ((size_t)2 << 20)
#define FLOATS_A_LINE   (ALIGNMENT / sizeof(float))
#define ROUND_UP(count) (((count) + FLOATS_A_LINE - 1) / FLOATS_A_LINE * FLOATS_A_LINE)

/* Values of all parameters lie in one block, which values[0] owns. */
static bt_status allocate(bt_weights **out, const bt_network *network, bt_error *error) {
    size_t total = 0;
    bt_weights *weights = calloc(1, sizeof(*weights));
    if (weights == NULL) goto no_memory;
    weights->parameter_count = network->parameter_count;
    weights->values = calloc((size_t)network->parameter_count, sizeof(*weights->values));
    if (weights->values == NULL) goto no_memory;
    for (int i = 0; i < network->parameter_count; i++)
        total += ROUND_UP(network->parameters[i].count);
    const size_t bytes = (total * sizeof(float) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    float *next = aligned_alloc(HUGE_PAGE, bytes);
    if (next == NULL) goto no_memory;
    madvise(next, bytes, MADV_HUGEPAGE); /* a wish */
    for (int i = 0; i < network->parameter_count; i++) {
        weights->values[i] = next;
        next += ROUND_UP(network->parameters[i].count);
    }
    *out = weights;
    return BT_OK;
no_memory:
    bt_weights_close(&weights);
    return bt_no_memory(error, "the weights of %s", network->title);
}

static void fill_counter(float *values, const bt_parameter *parameter, uint64_t seed) {
    const bool around_one = parameter->role == BT_PARAMETER_SCALE || parameter->role == BT_PARAMETER_VARIANCE;
    double scale = 0.1, offset = around_one ? 1.0 : 0.0;
    if (parameter->rank >= 2) scale = sqrt(6.0 / (double)(parameter->count / (size_t)parameter->dims[0]));
    bt_counter_fill(values, parameter->count, bt_counter_key(parameter->name, seed), scale, offset);
}

static uint64_t hash_weights(const bt_weights *weights, const bt_network *network) {
    uint64_t hash = BT_FNV_START;
    if (network->list_hash) hash = bt_fnv1a64(hash, &network->list_hash, sizeof network->list_hash);
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        hash = bt_fnv1a64(hash, parameter->name, strlen(parameter->name));
        hash = bt_hash_large(hash, weights->values[i], parameter->count * sizeof(float));
    }
    return hash;
}

bool bt_weights_is_file(const char *source) {
    return strcmp(source, BT_WEIGHTS_DEMO) != 0 && strncmp(source, COUNTER, strlen(COUNTER)) != 0;
}

/* The SEED of "counter:SEED". */
static bt_status parse_counter(const char *source, uint64_t *seed, bt_error *error) {
    const char *digits = source + strlen(COUNTER);
    char *end;
    errno = 0;
    *seed = strtoull(digits, &end, 10);
    if (*digits >= '0' && *digits <= '9' && *end == '\0' && errno == 0) return BT_OK;
    return bt_fail(
        error, BT_INVALID,
        "unknown weights \"%s\": use \"demo\" or \"counter:SEED\" with a seed from 0 to %llu, or a "
        "checkpoint's path",
        source, (unsigned long long)UINT64_MAX);
}

#define HELPERS_MAX 15

typedef struct filling {
    bt_weights *weights;
    const bt_network *network;
    bool demo; /* what is trained is left out */
    uint64_t seed;
    atomic_int next; /* parameter that nobody has taken yet */
} filling;

static void *fill_some(void *argument) {
    filling *f = argument;
    const bt_network *network = f->network;
    for (int i = atomic_fetch_add(&f->next, 1); i < network->parameter_count;
         i = atomic_fetch_add(&f->next, 1))
        if (!f->demo || !bt_demo_trains(&network->parameters[i]))
            fill_counter(f->weights->values[i], &network->parameters[i], f->seed);
    return NULL;
}

/* With the help of threads, as far as there are any: a large network has 70 million values. */
static void fill_all(filling *f) {
    pthread_t helpers[HELPERS_MAX];
    const int cores = bt_cores_count();
    int count = 0;
    while (count < cores - 1 && count < HELPERS_MAX &&
           pthread_create(&helpers[count], NULL, fill_some, f) == 0)
        count++;
    fill_some(f);
    for (int i = 0; i < count; i++)
        pthread_join(helpers[i], NULL);
}

/* Counter values, where `demo` is not NULL under the trained ones. */
static bt_status generate(bt_weights *weights, const bt_network *network, const char *source,
                          bt_error *error) {
    const uint8_t *demo = NULL;
    size_t size;
    uint64_t seed;
    bt_status status;
    if (strcmp(source, BT_WEIGHTS_DEMO) == 0) {
        status = bt_demo_data(network, &demo, &size, error);
        if (status == BT_OK) status = bt_demo_seed(network, demo, size, &seed, error);
    } else {
        status = parse_counter(source, &seed, error);
    }
    if (status != BT_OK) return status;
    fill_all(&(filling){.weights = weights, .network = network, .demo = demo != NULL, .seed = seed});
    if (demo != NULL) bt_demo_apply(network, demo, weights->values);
    weights->trained = demo != NULL;
    snprintf(weights->source, sizeof(weights->source), "%s", source);
    return BT_OK;
}

/* A word that is neither built in nor a file is a slip of the pen more often than a lost file. */
static bt_status check_file(const char *source, bt_error *error) {
    char file[BT_PATH_SIZE], other[128] = "";
    const char *place = bt_weights_source_split(file, source), *colon = strrchr(source, ':');
    if (bt_file_exists(file)) {
        if (*place || strlen(file) == strlen(source)) return BT_OK;
        return bt_fail(error, BT_INVALID,
                       "weights \"%.150s\": no place stands behind the colon; without the colon the usual "
                       "place is taken",
                       source);
    }
    if (colon && colon > source && !strchr(colon, '/'))
        bt_text_format(other, sizeof other, ", nor \"%.*s\"",
                       (int)(colon - source < 100 ? colon - source : 100), source);
    return bt_fail(error, BT_INVALID,
                   "weights \"%.150s\": there is no such file%s; use \"demo\" or \"counter:SEED\", or a "
                   "checkpoint's path",
                   source, other);
}

static bt_status read_file(bt_weights *weights, const bt_network *network, const char *source,
                           bt_error *error) {
    bt_weights_found found;
    char file[BT_PATH_SIZE];
    bt_status status = check_file(source, error);
    if (status == BT_OK) status = bt_weights_read_file(network, source, weights->values, &found, error);
    if (status != BT_OK) return status;
    bt_weights_source_split(file, source);
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    weights->trained = 1;
    const size_t used = bt_text_fit(name, sizeof weights->source - 1);
    snprintf(weights->source, sizeof weights->source, "%.*s", (int)used, name);
    if (found.place[0])
        snprintf(weights->source + used, sizeof weights->source - used, ":%.*s",
                 (int)(sizeof weights->source - used), found.place);
    memcpy(weights->note, found.note, sizeof weights->note);
    return BT_OK;
}

bt_status bt_weights_open(bt_weights **out, const bt_network *network, const char *source, bt_error *error) {
    bt_weights *weights = NULL;
    *out = NULL;
    bt_status status = allocate(&weights, network, error);
    if (status != BT_OK) return status;
    status = bt_weights_is_file(source) ? read_file(weights, network, source, error)
                                        : generate(weights, network, source, error);
    if (status != BT_OK) {
        bt_weights_close(&weights);
        return status;
    }
    weights->hash = hash_weights(weights, network);
    *out = weights;
    return BT_OK;
}

bt_status bt_weights_check(const bt_network *network, const char *source, bt_error *error) {
    bt_weights_found found;
    const uint8_t *demo;
    size_t size;
    uint64_t seed;
    if (bt_weights_is_file(source)) {
        bt_status status = check_file(source, error);
        return status == BT_OK ? bt_weights_read_file(network, source, NULL, &found, error) : status;
    }
    return strcmp(source, BT_WEIGHTS_DEMO) == 0 ? bt_demo_data(network, &demo, &size, error)
                                                : parse_counter(source, &seed, error);
}

void bt_weights_close(bt_weights **weights) {
    if (weights == NULL || *weights == NULL) return;
    if ((*weights)->values != NULL) free((*weights)->values[0]);
    free((*weights)->values);
    free(*weights);
    *weights = NULL;
}
