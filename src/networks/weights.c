#include "networks/weights.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "networks/demo.h"

/* A vector register's reach and a cache line: kernels may load from the start of any parameter. */
#define ALIGNMENT       64
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
    float *next = aligned_alloc(ALIGNMENT, total * sizeof(float));
    if (next == NULL) goto no_memory;
    for (int i = 0; i < network->parameter_count; i++) {
        weights->values[i] = next;
        next += ROUND_UP(network->parameters[i].count);
    }
    *out = weights;
    return BT_OK;
no_memory:
    bt_weights_close(&weights);
    return bt_fail(error, BT_NO_MEMORY, "no memory for the weights of %s", network->title);
}

static void fill_counter(float *values, const bt_parameter *parameter, uint64_t seed) {
    uint64_t key = bt_counter_key(parameter->name, seed);
    double scale = 0.1, offset = parameter->role == BT_PARAMETER_SCALE ? 1.0 : 0.0;
    if (parameter->rank >= 2) scale = sqrt(6.0 / (double)(parameter->count / (size_t)parameter->dims[0]));
    for (size_t i = 0; i < parameter->count; i++)
        values[i] = (float)(offset + scale * (2.0 * bt_counter_uniform(key, i) - 1.0));
}

static uint64_t hash_weights(const bt_weights *weights, const bt_network *network) {
    uint64_t hash = BT_FNV_START;
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        hash = bt_fnv1a64(hash, parameter->name, strlen(parameter->name));
        hash = bt_fnv1a64(hash, weights->values[i], parameter->count * sizeof(float));
    }
    return hash;
}

/* The SEED of "counter:SEED". */
static bt_status parse_counter(const char *source, uint64_t *seed, bt_error *error) {
    static const char prefix[] = "counter:";
    const char *digits = source + sizeof(prefix) - 1;
    char *end;
    if (strncmp(source, prefix, sizeof(prefix) - 1) == 0 && *digits >= '0' && *digits <= '9') {
        errno = 0;
        *seed = strtoull(digits, &end, 10);
        if (*end == '\0' && errno == 0) return BT_OK;
    }
    return bt_fail(error, BT_INVALID,
                   "unknown weights \"%s\": use \"demo\" or \"counter:SEED\" with a seed from 0 to %llu",
                   source, (unsigned long long)UINT64_MAX);
}

/* The counter seed that `source` names; *demo is the trained data to lay over it, NULL for none. */
static bt_status find_source(const bt_network *network, const char *source, uint64_t *seed,
                             const uint8_t **demo, bt_error *error) {
    size_t size;
    *demo = NULL;
    *seed = 0;
    if (strcmp(source, "demo") != 0) return parse_counter(source, seed, error);
    bt_status status = bt_demo_data(network, demo, &size, error);
    return status == BT_OK ? bt_demo_seed(network, *demo, size, seed, error) : status;
}

bt_status bt_weights_open(bt_weights **out, const bt_network *network, const char *source, bt_error *error) {
    bt_weights *weights = NULL;
    const uint8_t *demo;
    uint64_t seed;
    *out = NULL;
    bt_status status = find_source(network, source, &seed, &demo, error);
    if (status == BT_OK) status = allocate(&weights, network, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < network->parameter_count; i++)
        if (demo == NULL || !bt_demo_trains(&network->parameters[i]))
            fill_counter(weights->values[i], &network->parameters[i], seed);
    if (demo != NULL) bt_demo_apply(network, demo, weights->values);
    snprintf(weights->source, sizeof(weights->source), "%s", source);
    weights->trained = demo != NULL;
    weights->hash = hash_weights(weights, network);
    *out = weights;
    return BT_OK;
}

void bt_weights_close(bt_weights **weights) {
    if (weights == NULL || *weights == NULL) return;
    if ((*weights)->values != NULL) free((*weights)->values[0]);
    free((*weights)->values);
    free(*weights);
    *weights = NULL;
}
