/* The journal that a crash may have cut off anywhere, with its steps and results. */
#include "input.h"
#include "tune/journal.h"
#include "tune/step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *lines, *line;
    bt_error error;
    size_t i;
    if (bt_journal_load(&lines, fuzz_file(data, size), &error) != BT_OK) return 0;
    json_array_foreach(lines, i, line) {
        bt_step step;
        bt_step_result result;
        if (bt_step_from_json(json_object_get(line, "step"), &step, "journal", &error) == BT_OK)
            (void)!bt_step_result_from_json(json_object_get(line, "result"), &result, "journal", &error);
    }
    json_decref(lines);
    return 0;
}
