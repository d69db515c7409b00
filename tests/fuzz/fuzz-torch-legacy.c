/* A checkpoint as torch.save left it before 1.6: pickles one behind the other, then the storages. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_checkpoint(fuzz_file(data, size));
    return 0;
}
