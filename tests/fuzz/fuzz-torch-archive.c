/* A checkpoint as torch.save leaves it: a zip archive around a pickle and storages. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_checkpoint(fuzz_file(data, size));
    return 0;
}
