/* A target that answers at once, for what the load generator itself costs and how late it sends. */
#include "base/clock.h"
#include "load/target.h"

static bt_status answer_at_once(void *self, bt_sent_request *request, bt_request_answered answered,
                                void *context) {
    (void)self;
    request->status = BT_OK;
    request->batch_size = request->run_size = 1;
    request->answered_ns = bt_clock_now_ns();
    answered(context, request);
    return BT_OK;
}

bt_target bt_target_null(void) {
    return (bt_target){.submit = answer_at_once};
}
