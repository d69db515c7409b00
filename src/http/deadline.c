#include "http/deadline.h"

static double seconds_for(bt_stage stage, const bt_http_settings *settings) {
    switch (stage) {
    case BT_STAGE_FIRST_HEAD:
        return settings->header_timeout_seconds;
    case BT_STAGE_BETWEEN:
        return settings->idle_timeout_seconds + settings->header_timeout_seconds;
    default:
        return settings->request_timeout_seconds;
    }
}

int64_t bt_stage_deadline_ns(bt_stage stage, int64_t now_ns, const bt_http_settings *settings) {
    if (stage == BT_STAGE_SERVICE) return BT_NO_DEADLINE;
    return now_ns + (int64_t)(seconds_for(stage, settings) * 1e9);
}
