#include "tune/contest.h"

#include "base/clock.h"
#include "measure/quantile.h"
#include "tune/divisions.h"

#define ROUNDS 5
#define RUNS   4 /* of each instance in a turn */

/* One division under way. */
typedef struct contender {
    bt_division *division;
    const bt_probe_options *options;
    bt_probe *probe; /* NULL: out of it */
    double samples_ms[ROUNDS * BT_MAX_TURN_SAMPLES];
    int count;
} contender;

static bool stopped(const contender *c) {
    return c->options->stop && *c->options->stop;
}

/* A turn, and another one in its place where it was disturbed. */
static bt_status take_turn(contender *c, bt_step_result *result, bt_error *error) {
    const int runs = RUNS * c->division->instances;
    const bt_step step = {.kind = BT_STEP_MEASURE,
                          .batch_size = 1,
                          .runs = runs < BT_MAX_TURN_SAMPLES ? runs : BT_MAX_TURN_SAMPLES};
    bt_status status = BT_OK;
    for (int attempt = 0; attempt < 2 && status == BT_OK && !stopped(c); attempt++) {
        *result = bt_step_result_empty();
        status = bt_probe_run(c->probe, &step, result, error);
        if (status == BT_OK && result->status != BT_OK)
            status = bt_fail(error, result->status, "%s", result->message);
        if (!result->disturbed) break;
    }
    return status;
}

static bt_status take_part(contender *c, const char *title, bt_log *log, bt_error *error) {
    bt_step_result result = bt_step_result_empty();
    bt_error why = {0};
    bt_status status = take_turn(c, &result, &why);
    for (int i = 0; status == BT_OK && i < result.sample_count; i++)
        c->samples_ms[c->count++] = result.samples_ms[i];
    if (status == BT_OK || stopped(c)) return BT_OK;
    if (c->division->instances == 1) {
        if (error) *error = why;
        return status;
    }
    /* More copies may be more than the machine has memory for. */
    bt_log_write(log, BT_LOG_WARNING, "%s: %d instances are left out: %s", title, c->division->instances,
                 why.message);
    bt_probe_close(&c->probe);
    c->count = 0;
    return BT_OK;
}

static void close_contender(contender *c) {
    bt_probe_close(&c->probe);
    if (c->count == 0) return;
    bt_sort(c->samples_ms, (size_t)c->count);
    bt_division_note(c->division, bt_quantile(c->samples_ms, (size_t)c->count, 0.5));
}

bt_status bt_contest_run(bt_division *divisions, const bt_probe_options *options, int count,
                         const char *title, bt_log *log, bt_error *error) {
    contender contenders[BT_DIVISIONS_MAX];
    bt_status status = BT_OK;
    for (int i = 0; i < count; i++)
        contenders[i] = (contender){.division = &divisions[i], .options = &options[i]};
    for (int i = 0; i < count && status == BT_OK; i++)
        status = bt_probe_open(&contenders[i].probe, &options[i], error);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count && status == BT_OK; i++) {
            bt_log_write(log, BT_LOG_DETAIL, "%s: comparing instances, round %d of %d", title, round + 1,
                         ROUNDS);
            if (contenders[i].probe && !stopped(&contenders[i]))
                status = take_part(&contenders[i], title, log, error);
        }
    for (int i = 0; i < count; i++)
        close_contender(&contenders[i]);
    return status;
}
