#include "networks/model-sizes.h"

#include <stdio.h>

#include "base/text.h"

bool bt_model_sizes_have(const bt_model_sizes *sizes, int side) {
    if (sizes->step > 0)
        return side >= sizes->from && side <= sizes->to && (side - sizes->from) % sizes->step == 0;
    for (int i = 0; i < sizes->count; i++)
        if (sizes->listed[i] == side) return true;
    return sizes->count == 0;
}

void bt_model_sizes_write(char *out, size_t size, const bt_model_sizes *sizes) {
    out[0] = '\0';
    if (sizes->step > 0) bt_text_append(out, size, "%d to %d", sizes->from, sizes->to);
    if (sizes->step > 1) bt_text_append(out, size, " in steps of %d", sizes->step);
    for (int i = 0; i < sizes->count; i++)
        bt_text_append(out, size, "%s%d",
                       i == 0                  ? ""
                       : i == sizes->count - 1 ? " or "
                                               : ", ",
                       sizes->listed[i]);
}
