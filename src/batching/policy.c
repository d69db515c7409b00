/* The adaptive policy: until when a batch waits for more, how many it takes, and who is given up.
 *
 * Waiting. One more request in a batch, rather than in the next, saves the device s(n) + s(1) - s(n + 1), and
 * costs the device and each of the n that wait the time until it comes. Whether it comes soon enough is read
 * off the gaps between the last few hundred: where requests come in clumps, a short gap is likely right after
 * an arrival and less likely with every moment that none comes, which no mean rate can tell. So the batch
 * waits from its last arrival on for as long as the sum of what is gained, less what is lost, still rises.
 * Where batching saves nothing, or requests are rare, that is no time at all.
 *
 * Size. Among the sizes that can be filled, the one that answers the most in the time it takes. An answer in
 * time for its promise counts a little more than a late one: with late ones worth nothing small batches would
 * save a few promises and lose the throughput that all later ones need; with all of them alike, promises would
 * be broken for nothing. What has a deadline, and would not meet it in the batch, is left out.
 *
 * Its figures are those of `make study-policies`. */
#include "batching/state.h"

/* What an answer counts, and what more it counts in time. Raised against the first, the second gives up
 * throughput near the capacity, and with it later promises; lowered, fewer batches are cut short to keep
 * somebody's promise. Between 6 : 1 and 12 : 1 the study's means differ by 0.002. */
#define ANSWER_WORTH  8
#define PROMISE_WORTH 1

/* The gaps of so many requests count; the older half of them half as much. Fewer follow a change of the rate
 * sooner, and chance more. */
#define GAPS_KEPT 256
/* With fewer nothing is known yet, and nobody waits. */
#define GAPS_LEAST 8

#define GAP_SHIFT 10 /* the first bucket's gaps are shorter than 2^10 ns: no wait is worth so little */

const char *bt_batcher_policy_name(bt_batcher_policy policy) {
    return policy == BT_POLICY_ADAPTIVE ? "adaptive" : "delay";
}

/* ---- how soon the next one comes ---- */

/* A bucket's gaps are from this long on, up to the next one's. */
static int64_t bucket_from_ns(int bucket) {
    return bucket == 0 ? 0 : (int64_t)1 << (GAP_SHIFT + bucket - 1);
}

static int bucket_of(int64_t gap_ns) {
    uint64_t units = (uint64_t)gap_ns >> GAP_SHIFT;
    int bucket = units == 0 ? 0 : 64 - __builtin_clzll(units);
    return bucket < BT_GAP_BUCKETS ? bucket : BT_GAP_BUCKETS - 1;
}

static void fade(bt_gaps *gaps) {
    gaps->total = 0;
    for (int i = 0; i < BT_GAP_BUCKETS; i++)
        gaps->total += gaps->counts[i] /= 2;
}

void bt_policy_note_arrival(bt_model_state *model, int64_t now_ns) {
    bt_gaps *gaps = &model->gaps;
    if (gaps->last_ns != BT_NEVER_NS) {
        gaps->counts[bucket_of(now_ns - gaps->last_ns)]++;
        if (++gaps->total > GAPS_KEPT) fade(gaps);
    }
    gaps->last_ns = now_ns;
}

/* How long after an arrival it pays to wait for the next: `saved_ns` of the device's time if it comes, and
 * every moment until then costs `waiting` requests and the device that moment. */
static int64_t worth_waiting_ns(const bt_gaps *gaps, double saved_ns, int waiting, int64_t most_ns) {
    double gained = 0, most_gained = 0;
    int64_t best_ns = 0, left = gaps->total;
    for (int i = 0; i < BT_GAP_BUCKETS - 1 && left > 0 && bucket_from_ns(i) < most_ns; i++) {
        const int64_t until_ns = bucket_from_ns(i + 1);
        const double waited = ((double)left - gaps->counts[i] / 2.0) * (double)(until_ns - bucket_from_ns(i));
        gained += gaps->counts[i] * saved_ns - waited * (waiting + 1);
        left -= gaps->counts[i];
        if (gained <= most_gained) continue;
        most_gained = gained;
        best_ns = until_ns;
    }
    return best_ns;
}

/* ---- until when ---- */

/* From the last arrival on. */
static int64_t pays_ns(const bt_model_state *model, int waiting) {
    const int64_t *cost_ns = model->options.ladder.cost_ns;
    const int64_t saved_ns = cost_ns[waiting] + cost_ns[1] - cost_ns[waiting + 1];
    if (model->gaps.total < GAPS_LEAST || saved_ns <= 0) return 0;
    return worth_waiting_ns(&model->gaps, (double)saved_ns, waiting, model->options.max_queue_delay_ns);
}

int64_t bt_policy_closes_ns(const bt_model_state *model, int64_t oldest_ns, int waiting) {
    const bt_batcher_model *options = &model->options;
    if (model->gaps.last_ns == BT_NEVER_NS) return oldest_ns; /* all came under another policy */
    if (waiting >= options->max_batch_size || bt_waiting_count(model) >= options->max_queue_size)
        return model->gaps.last_ns;
    int64_t close_ns = model->gaps.last_ns + pays_ns(model, waiting);
    if (model->close_by_ns < close_ns) close_ns = model->close_by_ns;
    if (options->promise_ns == 0) return close_ns;
    const int64_t kept_ns = oldest_ns + options->promise_ns - options->ladder.cost_ns[waiting + 1];
    return kept_ns < close_ns ? kept_ns : close_ns;
}

/* ---- how many ---- */

/* What a run of `count` would do. */
typedef struct prospect {
    int count, kept; /* requests; those of them whose promise it keeps */
    int64_t cost_ns;
} prospect;

/* Whether nobody's deadline or promise comes before that. */
static bool keeps_all(const bt_batcher *batcher, const bt_model_state *model, int64_t end_ns) {
    const int64_t promise_ns = model->options.promise_ns;
    return bt_deadline_first_ns(batcher) > end_ns &&
           (promise_ns == 0 ||
            end_ns <= bt_line_oldest_ns(batcher, &model->lines[BT_LINE_QUEUE]) + promise_ns);
}

/* The queue's first `count` that can be answered before their run ends; fewer where there are not so many. */
static prospect look_at(const bt_batcher *batcher, const bt_model_state *model, int count) {
    const int64_t promise_ns = model->options.promise_ns;
    prospect p = {.cost_ns = model->options.ladder.cost_ns[count]};
    const int64_t end_ns = batcher->now_ns + p.cost_ns;
    if (keeps_all(batcher, model, end_ns)) {
        p.count = p.kept = count;
        return p;
    }
    bt_walk walk = bt_line_walk(&model->lines[BT_LINE_QUEUE]);
    for (uint32_t i; p.count < count && (i = bt_walk_next(batcher, &walk)) != BT_NO_SLOT;) {
        const bt_slot *slot = &batcher->slots[i];
        if (slot->deadline_ns <= end_ns) continue;
        p.count++;
        p.kept += promise_ns == 0 || end_ns <= slot->arrival_ns + promise_ns;
    }
    return p;
}

/* Whether `a` answers more in its time than `b`. */
static bool is_better(const prospect *a, const prospect *b) {
    const double worth_a = ANSWER_WORTH * a->count + PROMISE_WORTH * a->kept;
    const double worth_b = ANSWER_WORTH * b->count + PROMISE_WORTH * b->kept;
    if (a->cost_ns == 0 && b->cost_ns == 0) return worth_a > worth_b;
    return worth_a * (double)b->cost_ns > worth_b * (double)a->cost_ns;
}

int bt_policy_choose(const bt_batcher *batcher, const bt_model_state *model, int limit, int64_t *gone_ns) {
    const bt_ladder *ladder = &model->options.ladder;
    const int waiting = model->lines[BT_LINE_QUEUE].count, most = waiting < limit ? waiting : limit;
    prospect best = {0};
    for (int i = 0, size = 0; size < most && i < ladder->size_count; i++) {
        size = ladder->sizes[i] < most ? ladder->sizes[i] : most;
        if (ladder->take[size] != size) continue; /* the plan splits it */
        const prospect p = look_at(batcher, model, size);
        if (p.count == size && (best.count == 0 || is_better(&p, &best))) best = p;
    }
    *gone_ns = best.count > 0 ? batcher->now_ns + best.cost_ns : 0;
    return best.count > 0 ? best.count : 1;
}

/* ---- who is given up ---- */

void bt_policy_leave_out(bt_batcher *batcher, bt_model_state *model, int count, int64_t gone_ns) {
    bt_walk walk = bt_line_walk(&model->lines[BT_LINE_QUEUE]);
    uint32_t index;
    for (int kept = 0; kept < count && (index = bt_walk_next(batcher, &walk)) != BT_NO_SLOT;)
        if (batcher->slots[index].deadline_ns <= gone_ns)
            bt_decide(batcher, index, BT_TIMEOUT);
        else
            kept++;
}

int64_t bt_policy_gives_up_ns(const bt_batcher *batcher, const bt_model_state *model) {
    const bt_ladder *ladder = &model->options.ladder;
    const uint32_t first = model->lines[BT_LINE_QUEUE].first;
    if (model->options.policy != BT_POLICY_ADAPTIVE || first == BT_NO_SLOT) return BT_NEVER_NS;
    const int64_t deadline_ns = batcher->slots[first].deadline_ns;
    if (deadline_ns == BT_NEVER_NS) return BT_NEVER_NS;
    int64_t least_ns = ladder->cost_ns[1];
    if (ladder->standard_ns > 0 && ladder->standard_ns < least_ns) least_ns = ladder->standard_ns;
    return deadline_ns - least_ns;
}

void bt_policy_give_up(bt_batcher *batcher) {
    for (int i = 0; i < batcher->model_count; i++) {
        bt_model_state *model = &batcher->models[i];
        while (bt_policy_gives_up_ns(batcher, model) <= batcher->now_ns)
            bt_decide(batcher, model->lines[BT_LINE_QUEUE].first, BT_TIMEOUT);
    }
}
