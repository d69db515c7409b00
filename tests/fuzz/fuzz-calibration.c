/* A calibration: what is read can be asked for every tensor that it holds, and what it is of. */
#include <stdlib.h>

#include "input.h"
#include "record/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_calibration *calibration = NULL;
    bt_error error;
    if (bt_calibration_load(&calibration, fuzz_file(data, size), &error) != BT_OK) return 0;
    for (int i = 0; i < calibration->tensor_count; i++) {
        const bt_calibrated_tensor *tensor = &calibration->tensors[i];
        if (bt_calibration_find(calibration, tensor->tensor) != tensor) abort();
        for (int c = 0; c < tensor->channels; c++)
            if (!(tensor->ranges[c] > 0)) abort();
    }
    if (bt_calibration_check(calibration, "x", calibration->model, calibration->weights_hash,
                             calibration->height, calibration->width, &error) != BT_OK)
        abort();
    bt_calibration_close(&calibration);
    return 0;
}
