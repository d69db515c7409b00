/* A trace of arrival times. */
#include "input.h"
#include "load/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const bt_schedule_options options = {.shape = BT_SHAPE_TRACE, .trace = fuzz_file(data, size)};
    bt_schedule schedule;
    bt_error error;
    if (bt_schedule_open(&schedule, &options, &error) == BT_OK) bt_schedule_close(&schedule);
    return 0;
}
