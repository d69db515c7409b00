/* The exported table. */
#include "internal.h"
#include "session.h"

static bt_status table_describe(bt_torch_facts *facts, bt_error *error) {
    return bt::guarded(error, [&] { bt::describe(*facts); });
}

const bt_torch_shim *bt_torch_shim_table(void) {
    static const bt_torch_shim table = {
        .abi = BT_TORCH_SHIM_ABI,
        .describe = table_describe,
        .open = bt::session_open,
        .prepare = bt::session_prepare,
        .run = bt::session_run,
        .memory_reset = bt::session_memory_reset,
        .memory = bt::session_memory,
        .close = bt::session_close,
    };
    return &table;
}
