#include "settings/precision.h"

#include <string.h>

static const char *const names[BT_PRECISION_COUNT] = {"auto", "fp32", "bf16", "fp16", "int8", "auto-int8"};

const char *bt_precision_name(bt_precision precision) {
    return precision >= 0 && precision < BT_PRECISION_COUNT ? names[precision] : "unknown";
}

const char *bt_precision_title(bt_precision precision) {
    static const char *const titles[BT_PRECISION_COUNT] = {"auto", "FP32", "BF16",
                                                           "FP16", "INT8", "auto-int8"};
    return precision >= 0 && precision < BT_PRECISION_COUNT ? titles[precision] : "unknown";
}

bool bt_precision_find(bt_precision *out, const char *name) {
    for (int i = 0; i < BT_PRECISION_COUNT; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (bt_precision)i;
        return true;
    }
    return false;
}

bool bt_precision_is_open(bt_precision precision) {
    return precision == BT_PRECISION_AUTO || precision == BT_PRECISION_AUTO_INT8;
}

bool bt_precision_wants_int8(bt_precision precision) {
    return precision == BT_PRECISION_INT8 || precision == BT_PRECISION_AUTO_INT8;
}
