/* The config file that people edit. */
#include "input.h"
#include "record/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_config *config = NULL;
    bt_error error;
    if (bt_config_load(&config, fuzz_file(data, size), &error) == BT_OK) bt_config_close(&config);
    return 0;
}
