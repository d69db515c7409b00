/* What a fuzzer hands to a parser that wants a file: the bytes, under a path. */
#ifndef BT_FUZZ_INPUT_H
#define BT_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry; each fuzz-*.c has one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that holds the bytes, until the next call. Its name never changes. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* The bytes as text that ends, malloc'ed. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Opens a checkpoint, reads what is small in it, and looks for a network there. */
void fuzz_checkpoint(const char *path);

#endif
