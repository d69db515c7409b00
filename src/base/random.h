/* Seeded randomness, of two kinds.
 *
 * A *stream* (bt_random) gives numbers one after another, for noise, schedules and bootstraps. A *counter*
 * generator gives element i of a named tensor without its predecessors, so that weights and inputs need no
 * file: two programs that agree on a name and a seed agree on every element. Both are splitmix64 (Steele, Lea
 * and Flood 2014). Nothing here is for cryptography. */
#ifndef BT_BASE_RANDOM_H
#define BT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_random {
    uint64_t state;
} bt_random;

/* A stream for one purpose: the same seed under two purposes gives unrelated numbers, so that changing how
 * one dimension is drawn leaves the others as they were. */
bt_random bt_random_stream(uint64_t seed, const char *purpose);

uint64_t bt_random_next(bt_random *random);
/* Uniform in [0, 1), 53 bits. */
double bt_random_uniform(bt_random *random);
/* Uniform in [low, high). */
double bt_random_between(bt_random *random, double low, double high);
/* Uniform integer in [0, bound), without modulo bias; bound > 0. */
uint64_t bt_random_below(bt_random *random, uint64_t bound);
/* Standard normal, by Box and Muller. */
double bt_random_normal(bt_random *random);
/* Exponential of mean 1. */
double bt_random_exponential(bt_random *random);
/* Gamma of a shape above 0 and scale 1: mean and variance are `shape`. By Marsaglia and Tsang ("A simple
 * method for generating gamma variables", ACM TOMS 26, 2000). Of a tiny shape most values underflow to 0. */
double bt_random_gamma(bt_random *random, double shape);

/* FNV-1a, 64 bits (Fowler, Noll, Vo). Chain by giving the last result as `hash`; start from BT_FNV_START. */
#define BT_FNV_START 0xcbf29ce484222325ULL
#define BT_FNV_PRIME 0x100000001b3ULL
uint64_t bt_fnv1a64(uint64_t hash, const void *bytes, size_t size);

/* FNV-1a's step over a whole word, whose high bits come down too: they never do by a multiplication alone. */
static inline uint64_t bt_hash_word(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * BT_FNV_PRIME;
    return hash ^ hash >> 32;
}

/* For many bytes, some ten times as fast: bt_hash_word over 64-bit words (little-endian, the rest of the
 * last one zero) in eight lanes by turns, which are joined by it too. Another value than bt_fnv1a64's. */
uint64_t bt_hash_large(uint64_t hash, const void *bytes, size_t size);

/* The counter generator: z = fnv1a64(name) ^ seed, and element i is splitmix64's output for the state
 * z + (i + 1) * 0x9E3779B97F4A7C15, as 53 bits in [0, 1). */
uint64_t bt_counter_key(const char *name, uint64_t seed);
double bt_counter_uniform(uint64_t key, uint64_t index);
/* The first `count` elements, each uniform in offset +- scale. */
void bt_counter_fill(float *out, size_t count, uint64_t key, double scale, double offset);

#ifdef __cplusplus
}
#endif
#endif
