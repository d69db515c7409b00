#include "networks/demo.h"

#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/half.h"
#include "base/random.h"

/* Header: magic, version (u32), count (u64), seed (u64), hash (u64); then count FP16 values;
 * little-endian. */
#define HEADER_SIZE 32
#define VERSION     1

BT_EMBED(bt_demo_hrnet, "src/networks/demo/hrnet.f16");
BT_EMBED(bt_demo_cbam_resunet, "src/networks/demo/cbam_resunet.f16");

static const struct {
    const char *name;
    const uint8_t *begin, *end;
} embedded[] = {
    {"hrnet", bt_demo_hrnet, bt_demo_hrnet_end},
    {"cbam_resunet", bt_demo_cbam_resunet, bt_demo_cbam_resunet_end},
};

bt_status bt_demo_data(const bt_network *network, const uint8_t **data, size_t *size, bt_error *error) {
    for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++)
        if (strcmp(embedded[i].name, network->name) == 0) {
            *data = embedded[i].begin;
            *size = (size_t)(embedded[i].end - embedded[i].begin);
            return BT_OK;
        }
    return bt_fail(
        error, BT_INVALID,
        "there are no demo weights for %s: give --weights a checkpoint, or counter:SEED for random ones",
        network->title);
}

static uint64_t little_endian(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

int bt_demo_trains(const bt_parameter *parameter) {
    return parameter->role == BT_PARAMETER_SCALE || parameter->role == BT_PARAMETER_OFFSET ||
           parameter->in_head;
}

/* FNV-1a over "name<TAB>64x3x3x3<NEWLINE>" of every trained parameter; and how many values they have. */
static uint64_t expected_hash(const bt_network *network, size_t *count) {
    uint64_t hash = BT_FNV_START;
    *count = 0;
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        char line[BT_PARAMETER_NAME_SIZE + 96];
        if (!bt_demo_trains(parameter)) continue;
        int length = snprintf(line, sizeof(line), "%s", parameter->name);
        for (int d = 0; d < parameter->rank; d++)
            length += snprintf(line + length, sizeof(line) - (size_t)length, "%c%lld", d == 0 ? '\t' : 'x',
                               (long long)parameter->dims[d]);
        line[length++] = '\n';
        hash = bt_fnv1a64(hash, line, (size_t)length);
        *count += parameter->count;
    }
    return hash;
}

bt_status bt_demo_seed(const bt_network *network, const uint8_t *data, size_t size, uint64_t *seed,
                       bt_error *error) {
    size_t count;
    uint64_t hash = expected_hash(network, &count);
    if (size < HEADER_SIZE || memcmp(data, "BTDW", 4) != 0 || little_endian(data + 4, 4) != VERSION)
        return bt_fail(error, BT_PARSE, "demo weights of %s: not a demo weights file of version %d",
                       network->title, VERSION);
    if (little_endian(data + 8, 8) != count || little_endian(data + 24, 8) != hash)
        return bt_fail(
            error, BT_PARSE,
            "demo weights of %s: trained for another network; run tools/python/train_demo_weights.py %s",
            network->title, network->name);
    if (size != HEADER_SIZE + 2 * count)
        return bt_fail(error, BT_PARSE, "demo weights of %s: %zu bytes where %zu are expected",
                       network->title, size, HEADER_SIZE + 2 * count);
    for (size_t i = 0; i < count; i++)
        if ((little_endian(data + HEADER_SIZE + 2 * i, 2) & 0x7C00) == 0x7C00)
            return bt_fail(error, BT_PARSE, "demo weights of %s: value %zu is not finite", network->title, i);
    *seed = little_endian(data + 16, 8);
    return BT_OK;
}

void bt_demo_apply(const bt_network *network, const uint8_t *data, float *const *values) {
    const uint8_t *next = data + HEADER_SIZE;
    for (int i = 0; i < network->parameter_count; i++) {
        if (!bt_demo_trains(&network->parameters[i])) continue;
        for (size_t k = 0; k < network->parameters[i].count; k++, next += 2)
            values[i][k] = bt_half_value((uint16_t)little_endian(next, 2));
    }
}
