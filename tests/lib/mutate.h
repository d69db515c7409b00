/* Damaged files: seeded changes of good ones, for tests of whatever reads outside bytes.
 *
 * Pure noise is refused at the first magic number; what finds a parser's holes is a file that is nearly
 * right. So a case begins with a good file and suffers one to a few changes: bits, bytes, whole ranges,
 * truncations, pieces of another file, and numbers of 1 to 8 bytes (either byte order) set to the values that
 * lengths and counts go wrong by. The same seed gives the same bytes on every machine. */
#ifndef BT_TESTS_MUTATE_H
#define BT_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct mutate_file {
    const uint8_t *bytes;
    size_t size;
} mutate_file;

/* Case `index` of `seed`: a damaged copy of files[index % count], with pieces of any of them. Writes at most
 * `room` bytes to `out` and returns how many; good files longer than `room` are cut. */
size_t mutate(uint64_t seed, uint64_t index, const mutate_file *files, int count, uint8_t *out, size_t room);

/* How many cases to try: $BATCHTUNE_MUTATIONS, else `usual`. */
uint64_t mutate_cases(uint64_t usual);

/* $BATCHTUNE_SEED, else 1. Tests print it with the case that failed. */
uint64_t mutate_seed(void);

#endif
