/* What the performance gate found, to be shown again. */
#include "input.h"
#include "record/gate-verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_gate_verdict *verdict = NULL;
    bt_error error;
    if (bt_gate_verdict_load(&verdict, fuzz_file(data, size), &error) == BT_OK)
        bt_gate_verdict_close(&verdict);
    return 0;
}
