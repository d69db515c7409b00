#include "base/clock.h"
#include "load/target.h"

static bt_status answer_at_once(void *self, bt_shot *shot, bt_shot_answered answered, void *context) {
    (void)self;
    shot->status = BT_OK;
    shot->batch_size = shot->run_size = 1;
    shot->answered_ns = bt_clock_now_ns();
    answered(context, shot);
    return BT_OK;
}

bt_target bt_target_null(void) {
    return (bt_target){.submit = answer_at_once};
}
