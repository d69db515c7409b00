/* What the performance gate measured, kept for a later comparison. */
#include "input.h"
#include "record/gate-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_gate_record *record = NULL;
    bt_error error;
    if (bt_gate_record_load(&record, fuzz_file(data, size), &error) == BT_OK) bt_gate_record_close(&record);
    return 0;
}
