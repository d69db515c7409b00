/* A pickle by itself: the archive around it would hide it behind a checksum. */
#include <stdlib.h>

#include "input.h"
#include "networks/torch-state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_pickle *pickle = NULL;
    bt_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    bt_error error;
    if (checkpoint && bt_pickle_open(&pickle, data, size, "input", &error) == BT_OK)
        (void)!bt_torch_state_read(checkpoint, pickle, &error);
    bt_pickle_close(&pickle);
    bt_checkpoint_close(&checkpoint);
    return 0;
}
