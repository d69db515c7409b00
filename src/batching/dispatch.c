/* Which run starts next: of which model, on which instance and path, with how many requests. */
#include "batching/state.h"

/* ---- who could run ---- */

static const bt_lane *lane_of(const bt_batcher *batcher, int member, bt_path path) {
    return &batcher->lanes[bt_lane_of(member, path)];
}

static bool is_free(const bt_batcher *batcher, int member, bt_path path) {
    const bt_lane *production = &batcher->lanes[bt_production_lane(member)];
    const bt_lane *standard = &batcher->lanes[bt_standard_lane(member)];
    const bt_lane *wanted = path == BT_PATH_STANDARD ? standard : production;
    return !production->running && !standard->running && !wanted->stuck &&
           !batcher->device_busy[batcher->members[member].device];
}

/* Some instance of the model whose lane of that path is not stuck. */
static bool has_lane(const bt_batcher *batcher, int model, bt_path path) {
    const bt_model_state *state = &batcher->models[model];
    for (int i = state->first_member; i < state->end_member; i++)
        if (batcher->members[i].model == model && !lane_of(batcher, i, path)->stuck) return true;
    return false;
}

/* Whether the instance's production lane may be used at all now. Where there is nothing to fall back on, the
 * breaker is not asked. */
static bool may_produce(const bt_batcher *batcher, int member) {
    const bt_member *m = &batcher->members[member];
    if (lane_of(batcher, member, BT_PATH_PRODUCTION)->stuck) return false;
    bool fallback =
        batcher->models[m->model].options.failover && has_lane(batcher, m->model, BT_PATH_STANDARD);
    return !fallback || bt_breaker_allows(&m->breaker, batcher->now_ns);
}

static bool model_may_produce(const bt_batcher *batcher, int model) {
    const bt_model_state *state = &batcher->models[model];
    for (int i = state->first_member; i < state->end_member; i++)
        if (batcher->members[i].model == model && may_produce(batcher, i)) return true;
    return false;
}

/* The first instance of the model that is free for the path, or -1. */
static int find_free(const bt_batcher *batcher, int model, bt_path path) {
    const bt_model_state *state = &batcher->models[model];
    for (int i = state->first_member; i < state->end_member; i++)
        if (batcher->members[i].model == model && is_free(batcher, i, path) &&
            (path == BT_PATH_STANDARD || may_produce(batcher, i)))
            return i;
    return -1;
}

bool bt_line_is_dead(const bt_batcher *batcher, int model, bt_line line) {
    const bt_model_state *state = &batcher->models[model];
    bool produces = has_lane(batcher, model, BT_PATH_PRODUCTION);
    bool standard = has_lane(batcher, model, BT_PATH_STANDARD);
    if (line == BT_LINE_QUEUE) return !produces && !(standard && state->options.failover);
    uint32_t first = state->lines[line].first;
    if (first == BT_NO_SLOT) return false;
    return batcher->slots[first].standard ? !standard : !produces && !standard;
}

/* ---- what would run ---- */

/* A run that could start now. */
typedef struct choice {
    int model, member, take, run_size;
    bt_line line;
    bt_path path;
    int64_t turn_ns; /* of its first request */
    int64_t gone_ns; /* of the queue, those with a deadline until then are left out; 0: nobody */
} choice;

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* The largest size that an instance may run since it ran out of memory; 0: any. */
static int cap_of(const bt_batcher *batcher, int member) {
    const bt_member *m = &batcher->members[member];
    return m->cap > 0 && batcher->now_ns < m->cap_until_ns ? m->cap : 0;
}

static int limited(int size, int cap) {
    return cap > 0 && cap < size ? cap : size;
}

static void set_standard(choice *c, int member) {
    c->member = member;
    c->path = BT_PATH_STANDARD;
    c->take = c->run_size = 1;
}

/* `count` requests as the ladder's plan has it; never on a size above `cap` (0: any), which ran out of
 * memory. */
static void set_production(choice *c, const bt_batcher *batcher, int member, int count, int cap) {
    const bt_ladder *ladder = &batcher->models[c->model].options.ladder;
    c->member = member;
    c->path = BT_PATH_PRODUCTION;
    c->take = ladder->take[count];
    c->run_size = ladder->run_size[count];
    for (int i = 0; cap > 0 && c->run_size > cap && i < ladder->size_count; i++)
        if (ladder->sizes[i] >= count) {
            c->take = count;
            c->run_size = ladder->sizes[i];
            break;
        }
}

/* How many from the head of the retries may run together: those of one limit. */
static int count_alike(const bt_batcher *batcher, uint32_t first, int limit) {
    int count = 0;
    for (uint32_t i = first; i != BT_NO_SLOT && count < limit; i = batcher->slots[i].next) {
        if (batcher->slots[i].standard || batcher->slots[i].limit != batcher->slots[first].limit) break;
        count++;
    }
    return count;
}

static bool choose_retry(const bt_batcher *batcher, choice *c) {
    uint32_t first = batcher->models[c->model].lines[BT_LINE_RETRY].first;
    const bt_slot *slot = &batcher->slots[first];
    bool standard = slot->standard || !model_may_produce(batcher, c->model);
    int member = find_free(batcher, c->model, standard ? BT_PATH_STANDARD : BT_PATH_PRODUCTION);
    if (member < 0) return false;
    if (standard) {
        set_standard(c, member);
    } else {
        int cap = cap_of(batcher, member), most = batcher->models[c->model].options.max_batch_size;
        if (slot->limit > 0) cap = limited(slot->limit, cap);
        set_production(c, batcher, member, count_alike(batcher, first, limited(most, cap)), cap);
    }
    return true;
}

static bool choose_standard(const bt_batcher *batcher, choice *c) {
    int member = find_free(batcher, c->model, BT_PATH_STANDARD);
    if (member < 0) return false;
    set_standard(c, member);
    return true;
}

/* When the queue's batch closes though it is not full. */
static int64_t closes_ns(const bt_batcher *batcher, const bt_model_state *model) {
    const int64_t oldest_ns = bt_line_oldest_ns(batcher, &model->lines[BT_LINE_QUEUE]);
    int64_t close_ns = oldest_ns + model->options.max_queue_delay_ns;
    if (model->close_by_ns < close_ns) close_ns = model->close_by_ns;
    if (model->options.policy != BT_POLICY_ADAPTIVE) return close_ns;
    const int64_t enough_ns = bt_policy_closes_ns(model, oldest_ns, model->lines[BT_LINE_QUEUE].count);
    return enough_ns < close_ns ? enough_ns : close_ns;
}

static bool choose_queue(const bt_batcher *batcher, choice *c) {
    const bt_model_state *model = &batcher->models[c->model];
    if (!model_may_produce(batcher, c->model)) return choose_standard(batcher, c);
    int member = find_free(batcher, c->model, BT_PATH_PRODUCTION);
    if (member < 0) return false;
    int cap = cap_of(batcher, member), limit = limited(model->options.max_batch_size, cap);
    int waiting = model->lines[BT_LINE_QUEUE].count;
    bool closed = waiting >= limit || model->due > 0 || batcher->draining ||
                  batcher->now_ns >= closes_ns(batcher, model);
    if (!closed) return false;
    int count = smaller(waiting, limit);
    if (model->options.policy == BT_POLICY_ADAPTIVE)
        count = bt_policy_choose(batcher, model, limit, &c->gone_ns);
    set_production(c, batcher, member, count, cap);
    return true;
}

/* What the model would run now, its lines in their order. */
static bool choose(const bt_batcher *batcher, int model, choice *c) {
    typedef bool (*chooser)(const bt_batcher *, choice *);
    static const chooser choosers[BT_LINE_COUNT] = {choose_retry, choose_standard, choose_queue};
    for (int line = 0; line < BT_LINE_COUNT; line++) {
        uint32_t first = batcher->models[model].lines[line].first;
        if (first == BT_NO_SLOT) continue;
        const bt_slot *slot = &batcher->slots[first];
        *c = (choice){.model = model,
                      .line = (bt_line)line,
                      .turn_ns = bt_turn_ns(&batcher->models[model], slot->arrival_ns, slot->level)};
        if (choosers[line](batcher, c)) return true;
    }
    return false;
}

/* ---- starting it ---- */

static int64_t expected_ns(const bt_model_state *model, bt_path path, int run_size) {
    const bt_ladder *ladder = &model->options.ladder;
    if (path == BT_PATH_STANDARD) return ladder->standard_ns;
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->sizes[i] == run_size) return ladder->service_ns[i];
    return 0;
}

/* What ends at its deadline is late. */
int64_t bt_latest_start_ns(const bt_model_state *model, int64_t deadline_ns) {
    int size = smaller(model->lines[BT_LINE_QUEUE].count, model->options.max_batch_size);
    return deadline_ns == BT_NEVER_NS ? BT_NEVER_NS : deadline_ns - 1 - model->options.ladder.cost_ns[size];
}

/* What is left of a batch that was split goes next, whoever joins it. The adaptive policy asks anew, since it
 * left those out on purpose. */
static int left_of(const bt_model_state *model, const choice *c) {
    if (c->path != BT_PATH_PRODUCTION || model->options.policy == BT_POLICY_ADAPTIVE) return 0;
    int closed = model->due;
    if (closed == 0)
        closed = smaller(model->lines[BT_LINE_QUEUE].count + c->take, model->options.max_batch_size);
    return closed > c->take ? closed - c->take : 0;
}

/* After its head has gone the queue's next batch closes by the deadlines of those that are the first of their
 * priority. What later arrivals need was computed when they came, but for those behind a head that has just left: at
 * worst they close a batch late. */
static void renew_closing(bt_batcher *batcher, bt_model_state *model, const choice *c) {
    model->due = left_of(model, c);
    model->close_by_ns = BT_NEVER_NS;
    for (unsigned left = model->lines[BT_LINE_QUEUE].present; left != 0; left &= left - 1) {
        const uint32_t first = model->lines[BT_LINE_QUEUE].levels[__builtin_ctz(left)].first;
        const int64_t by_ns = bt_latest_start_ns(model, batcher->slots[first].deadline_ns);
        if (by_ns < model->close_by_ns) model->close_by_ns = by_ns;
    }
}

static void take_slots(bt_batcher *batcher, bt_lane *lane, const choice *c) {
    bt_model_state *model = &batcher->models[c->model];
    for (int position = 0; position < c->take; position++) {
        uint32_t index = bt_line_pop(batcher, &model->lines[c->line]);
        bt_slot *slot = &batcher->slots[index];
        lane->slots[position] = index;
        lane->tags[position] = slot->tag;
        slot->place = BT_PLACE_RUNNING;
        slot->run = lane->run;
        slot->instance = c->member;
        slot->path = c->path;
        slot->count = c->take;
        slot->run_size = c->run_size;
        slot->position = position;
        slot->started_ns = batcher->now_ns;
        slot->tries++;
    }
}

static void count_run(bt_batcher *batcher, const choice *c) {
    bt_batcher_counts *counts = &batcher->models[c->model].counts;
    batcher->members[c->member].runs++;
    if (c->path == BT_PATH_STANDARD) {
        counts->standard_runs++;
        return;
    }
    counts->runs++;
    counts->images += (uint64_t)c->run_size;
    counts->padded_images += (uint64_t)(c->run_size - c->take);
}

static void start(bt_batcher *batcher, const choice *c, bt_action *action) {
    bt_model_state *model = &batcher->models[c->model];
    int lane_number = bt_lane_of(c->member, c->path);
    bt_lane *lane = &batcher->lanes[lane_number];
    lane->running = true;
    lane->run = ++batcher->run_count << BT_LANE_BITS | (uint64_t)lane_number;
    lane->started_ns = batcher->now_ns;
    lane->expected_ns = expected_ns(model, c->path, c->run_size);
    lane->count = c->take;
    lane->run_size = c->run_size;
    lane->give_up_ns = BT_NEVER_NS;
    if (model->options.watchdog_ns > 0) lane->give_up_ns = batcher->now_ns + model->options.watchdog_ns;
    if (lane->give_up_ns < batcher->give_up_ns) batcher->give_up_ns = lane->give_up_ns;
    batcher->device_busy[batcher->members[c->member].device] = true;
    if (c->gone_ns > 0) bt_policy_leave_out(batcher, model, c->take, c->gone_ns);
    take_slots(batcher, lane, c);
    if (c->line == BT_LINE_QUEUE) renew_closing(batcher, model, c);
    count_run(batcher, c);
    *action = (bt_action){.kind = BT_ACTION_RUN,
                          .model = c->model,
                          .instance = c->member,
                          .path = c->path,
                          .run = lane->run,
                          .count = c->take,
                          .run_size = c->run_size,
                          .tags = lane->tags};
}

bool bt_dispatch(bt_batcher *batcher, bt_action *action) {
    choice best = {.turn_ns = BT_NEVER_NS}, c;
    bool found = false;
    for (int model = 0; model < batcher->model_count; model++)
        if (choose(batcher, model, &c) && (!found || c.turn_ns < best.turn_ns)) {
            best = c;
            found = true;
        }
    if (found) start(batcher, &best, action);
    return found;
}

/* ---- when something could run, or be answered ---- */

/* When a free instance with an open breaker may be tried again: something that waits could then start. */
static int64_t cooled_down_ns(const bt_batcher *batcher, int model) {
    const bt_model_state *state = &batcher->models[model];
    int64_t least_ns = BT_NEVER_NS;
    for (int i = state->first_member; i < state->end_member; i++) {
        const bt_member *m = &batcher->members[i];
        if (m->model != model || !is_free(batcher, i, BT_PATH_PRODUCTION) || may_produce(batcher, i))
            continue;
        int64_t at_ns = m->breaker.opened_ns + m->breaker.cooldown_ns;
        if (at_ns < least_ns) least_ns = at_ns;
    }
    return least_ns;
}

int64_t bt_dispatch_wake_ns(const bt_batcher *batcher, int model) {
    const bt_model_state *state = &batcher->models[model];
    if (bt_waiting_count(state) == 0) return BT_NEVER_NS;
    const int64_t gives_up_ns = bt_policy_gives_up_ns(batcher, state);
    int64_t wake_ns = cooled_down_ns(batcher, model);
    if (gives_up_ns < wake_ns) wake_ns = gives_up_ns;
    if (state->lines[BT_LINE_QUEUE].count == 0 || find_free(batcher, model, BT_PATH_PRODUCTION) < 0)
        return wake_ns;
    int64_t close_ns = closes_ns(batcher, state);
    return close_ns < wake_ns ? close_ns : wake_ns;
}

/* When the device is free again, whoever runs on it. */
static int64_t device_free_ns(const bt_batcher *batcher, int device) {
    int64_t most_ns = batcher->now_ns;
    for (int i = 0; i < batcher->lane_count; i++) {
        const bt_lane *lane = &batcher->lanes[i];
        if (!lane->running || batcher->members[lane->member].device != device) continue;
        const int64_t at_ns = lane->started_ns + lane->expected_ns;
        if (at_ns > most_ns) most_ns = at_ns;
    }
    return most_ns;
}

/* `count` times `each_ns` from `from_ns` on; BT_NEVER_NS where that is past all counting. */
static int64_t after(int64_t from_ns, int64_t count, int64_t each_ns) {
    int64_t sum_ns;
    bool fits =
        !__builtin_mul_overflow(count, each_ns, &sum_ns) && !__builtin_add_overflow(from_ns, sum_ns, &sum_ns);
    return fits ? sum_ns : BT_NEVER_NS;
}

/* How many of the model's go before one that came now. */
static int count_ahead(const bt_batcher *batcher, const bt_model_state *model, int level) {
    const int64_t turn_ns = bt_turn_ns(model, batcher->now_ns, level);
    return model->lines[BT_LINE_RETRY].count +
           bt_line_ahead(batcher, &model->lines[BT_LINE_STANDARD], level, turn_ns) +
           bt_line_ahead(batcher, &model->lines[BT_LINE_QUEUE], level, turn_ns);
}

int64_t bt_expected_answer_ns(const bt_batcher *batcher, const bt_submission *submission, int count) {
    const int model = submission->model;
    const bt_model_state *state = &batcher->models[model];
    const bt_ladder *ladder = &state->options.ladder;
    int64_t free_ns = BT_NEVER_NS;
    int servers = 0, size = state->options.max_batch_size;
    const int ahead = count_ahead(batcher, state, bt_level_of(submission)) + count - 1;
    for (int i = 0; i < batcher->member_count; i++) {
        if (batcher->members[i].model != model) continue;
        int64_t at_ns = device_free_ns(batcher, batcher->members[i].device);
        if (at_ns < free_ns) free_ns = at_ns;
        servers++;
    }
    if (submission->standard || !model_may_produce(batcher, model))
        return after(free_ns, ahead / servers + 1, ladder->standard_ns);
    return after(after(free_ns, 1, ladder->cost_ns[ahead % size + 1]), ahead / size / servers,
                 ladder->cost_ns[size]);
}
