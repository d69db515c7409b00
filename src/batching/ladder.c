#include "batching/ladder.h"

static bt_status check(const bt_ladder *ladder, bt_error *error) {
    int count = ladder->size_count;
    if (count < 1 || count > BT_LADDER_SIZES_MAX || ladder->sizes[0] != 1)
        return bt_fail(error, BT_INVALID, "a ladder has 1 to %d batch sizes, the first of them 1",
                       BT_LADDER_SIZES_MAX);
    bool timed = false;
    for (int i = 0; i < count; i++)
        timed = timed || ladder->service_ns[i] != 0;
    for (int i = 0; i < count; i++) {
        int size = ladder->sizes[i];
        if (size > BT_LADDER_BATCH_MAX || (i > 0 && size <= ladder->sizes[i - 1]))
            return bt_fail(error, BT_INVALID, "a ladder's batch sizes ascend, to at most %d: %d does not",
                           BT_LADDER_BATCH_MAX, size);
        if (ladder->service_ns[i] < 0 || (timed && ladder->service_ns[i] == 0))
            return bt_fail(error, BT_INVALID, "a batch of %d has no service time", size);
        if (ladder->service_ns[i] > BT_LADDER_NS_MAX)
            return bt_fail(error, BT_INVALID, "a batch of %d takes more than a day", size);
    }
    if (ladder->standard_ns > BT_LADDER_NS_MAX)
        return bt_fail(error, BT_INVALID, "an image on the standard path takes more than a day");
    return BT_OK;
}

/* Best first run for n requests, given the plans of all smaller numbers. Larger sizes come first, so that
 * among equal costs the largest run wins; runs are counted to prefer few of them. */
static void plan_one(bt_ladder *ladder, int n, int16_t *runs) {
    bool planned = false;
    for (int i = ladder->size_count - 1; i >= 0; i--) {
        int size = ladder->sizes[i], take = size < n ? size : n;
        if (i > 0 && ladder->sizes[i - 1] >= n && ladder->service_ns[i - 1] <= ladder->service_ns[i])
            continue; /* more padding than need be */
        int64_t cost_ns = ladder->service_ns[i] + ladder->cost_ns[n - take];
        int16_t count = (int16_t)(1 + runs[n - take]);
        if (planned && (cost_ns > ladder->cost_ns[n] || (cost_ns == ladder->cost_ns[n] && count >= runs[n])))
            continue;
        planned = true;
        ladder->cost_ns[n] = cost_ns;
        ladder->take[n] = (int16_t)take;
        ladder->run_size[n] = (int16_t)size;
        runs[n] = count;
    }
}

bt_status bt_ladder_plan(bt_ladder *ladder, bt_error *error) {
    int16_t runs[BT_LADDER_BATCH_MAX + 1] = {0};
    bt_status status = check(ladder, error);
    if (status != BT_OK) return status;
    ladder->take[0] = ladder->run_size[0] = 0;
    ladder->cost_ns[0] = 0;
    for (int n = 1; n <= bt_ladder_largest(ladder); n++)
        plan_one(ladder, n, runs);
    return BT_OK;
}
