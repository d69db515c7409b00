#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "networks/checkpoint-open.h"
#include "networks/weights-file.h"

const char *fuzz_file(const uint8_t *data, size_t size) {
    static char path[64];
    static int file = -1;
    if (file < 0) file = memfd_create("input", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) abort();
    return path;
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* The network of tests/checkpoints, wherever it lies. */
static void find_network(const char *path) {
    static bt_parameter parameters[] = {{.name = "a.weight", .rank = 4, .dims = {2, 3, 3, 3}, .count = 54},
                                        {.name = "b.weight", .rank = 1, .dims = {5}, .count = 5}};
    static const bt_network tiny = {
        .name = "tiny", .title = "Tiny", .parameters = parameters, .parameter_count = 2};
    static float a[54], b[5];
    bt_weights_found found;
    bt_error error;
    (void)!bt_weights_read_file(&tiny, path, (float *const[]){a, b}, &found, &error);
}

void fuzz_checkpoint(const char *path) {
    bt_checkpoint *checkpoint = NULL;
    bt_error error;
    if (bt_checkpoint_open(&checkpoint, path, &error) != BT_OK) return;
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[i];
        if (tensor->count > 4096) continue;
        float *values = malloc((size_t)tensor->count * sizeof *values + 1);
        if (values) (void)!bt_checkpoint_read(checkpoint, tensor, values, &error);
        free(values);
    }
    bt_checkpoint_close(&checkpoint);
    find_network(path);
}
