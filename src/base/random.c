#include "base/random.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0x9E3779B97F4A7C15ULL

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static double unit(uint64_t bits) {
    return (double)(bits >> 11) / 9007199254740992.0; /* 2^53 */
}

bt_random bt_random_stream(uint64_t seed, const char *purpose) {
    return (bt_random){.state = mix(bt_counter_key(purpose, seed))};
}

uint64_t bt_random_next(bt_random *random) {
    random->state += GOLDEN;
    return mix(random->state);
}

double bt_random_uniform(bt_random *random) {
    return unit(bt_random_next(random));
}

double bt_random_between(bt_random *random, double low, double high) {
    return low + (high - low) * bt_random_uniform(random);
}

uint64_t bt_random_below(bt_random *random, uint64_t bound) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* the largest multiple of bound that fits */
    uint64_t bits;
    do {
        bits = bt_random_next(random);
    } while (bits >= limit);
    return bits % bound;
}

double bt_random_normal(bt_random *random) {
    double radius = sqrt(-2.0 * log(1.0 - bt_random_uniform(random)));
    return radius * cos(2.0 * 3.14159265358979323846 * bt_random_uniform(random));
}

double bt_random_exponential(bt_random *random) {
    return -log(1.0 - bt_random_uniform(random));
}

/* A shape below 1 is raised by one, which U^(1 / shape) takes back: their method needs 1 at the least. */
double bt_random_gamma(bt_random *random, double shape) {
    const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    double normal, v, taken;
    do {
        do {
            normal = bt_random_normal(random);
            v = 1 + c * normal;
        } while (v <= 0);
        v = v * v * v;
        taken = log(1.0 - bt_random_uniform(random));
    } while (taken >= 0.5 * normal * normal + d - d * v + d * log(v));
    return shape < 1 ? d * v * pow(1.0 - bt_random_uniform(random), 1 / shape) : d * v;
}

#define LANES 8

uint64_t bt_fnv1a64(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * BT_FNV_PRIME;
    return hash;
}

uint64_t bt_hash_large(uint64_t hash, const void *bytes, size_t size) {
    const char *at = bytes;
    uint64_t lanes[LANES], words[LANES] = {0};
    for (int i = 0; i < LANES; i++)
        lanes[i] = hash + (uint64_t)i;
    for (; size >= sizeof words; size -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
        for (int i = 0; i < LANES; i++)
            lanes[i] = bt_hash_word(lanes[i], words[i]);
    }
    memset(words, 0, sizeof words);
    memcpy(words, at, size);
    for (int i = 0; i < LANES; i++)
        hash = bt_hash_word(hash, bt_hash_word(lanes[i], words[i]));
    return bt_hash_word(hash, size);
}

uint64_t bt_counter_key(const char *name, uint64_t seed) {
    return bt_fnv1a64(BT_FNV_START, name, strlen(name)) ^ seed;
}

double bt_counter_uniform(uint64_t key, uint64_t index) {
    return unit(mix(key + (index + 1) * GOLDEN));
}

void bt_counter_fill(float *out, size_t count, uint64_t key, double scale, double offset) {
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(offset + scale * (2.0 * bt_counter_uniform(key, i) - 1.0));
}
