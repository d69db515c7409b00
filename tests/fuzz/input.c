#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "networks/checkpoint.h"

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
}
