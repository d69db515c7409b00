/* A user's own network: whether an archive is what it claims to be, and what it says of its images, before
 * anything in it could run. */
#include "input.h"
#include "networks/model-archive.h"
#include "networks/onnx-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    bt_error error;
    const bool package = bt_model_archive_check(path, true, &error) == BT_OK,
               program = bt_model_archive_check(path, false, &error) == BT_OK;
    int height, width;
    (void)!bt_model_archive_input(path, &height, &width, &error);
    bt_onnx_facts facts;
    (void)!bt_onnx_file_read(&facts, path, &error);
    (void)package, (void)program;
    return 0;
}
