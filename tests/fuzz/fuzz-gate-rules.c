/* The performance gate's tolerances, which people edit. */
#include "input.h"
#include "record/gate-rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bt_gate_rules rules;
    bt_error error;
    const bool read = bt_gate_rules_load(&rules, fuzz_file(data, size), &error) == BT_OK;
    (void)read;
    return 0;
}
