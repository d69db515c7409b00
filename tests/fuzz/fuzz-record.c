/* A tuning run's record: what is read can be written, and is read again. */
#include <stdlib.h>

#include "input.h"
#include "record/sweep-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_record *record = NULL;
    bt_error error;
    json_t *json;
    if (bt_record_load(&record, fuzz_file(data, size), &error) != BT_OK) return 0;
    if (bt_record_to_json(record, &json, &error) != BT_OK) abort();
    json_decref(json);
    bt_record_close(&record);
    return 0;
}
