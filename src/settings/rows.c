#include "settings/rows.h"

#include <assert.h>
#include <string.h>

void bt_rows_add(bt_rows *out, const bt_option *rows, size_t count) {
    assert(out->count + count <= BT_OPTIONS_MAX);
    memcpy(out->rows + out->count, rows, count * sizeof *rows);
    out->count += count;
}

bt_option *bt_rows_take(bt_rows *out, const bt_option *table, size_t count, const char *name) {
    const int index = bt_options_find(table, count, name);
    assert(index >= 0);
    bt_rows_add(out, &table[index], 1);
    return &out->rows[out->count - 1];
}
