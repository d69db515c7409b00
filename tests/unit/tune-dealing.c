/* Several ranks on made-up machines and a made-up clock: what is dealt to them brings the sweep to the same end, sooner,
 * whoever dies. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "made-up-machine.h"
#include "scratch.h"
#include "tune/dealing.h"
#include "tune/pool.h"
#include "tune/score.h"
#include "tune/sweep.h"

#define RANKS_MAX 4
#define AHEAD     64

/* ---- a sweep by several ranks ---- */

typedef struct swept {
    int chosen; /* batch; 0: none */
    double took_s;
    int measured; /* steps, by all ranks */
    bt_outcome outcomes[BT_SEARCH_MAX_BATCH + 1];
} swept;

/* One rank: when what it is at ends. */
typedef struct measurer {
    machine machine;
    bt_parcel parcel;
    int at;
    bt_step_result result;
    double ends_s;
    bool is_busy;
} measurer;

/* Which rank dies, at the start of which of its steps; -1: none. */
typedef struct fate {
    int rank, step;
} fate;

static bt_sweep_options options_of(bt_sizes batches) {
    return (bt_sweep_options){.batches = batches,
                              .p95_sla_ms = 100,
                              .memory_limit_mb = 14745,
                              .objective = BT_OBJECTIVE_EFFICIENCY,
                              .min_mask_iou = 0.99,
                              .time_budget_s = 1e9};
}

static void begin_step(measurer *r, double now_s) {
    r->result = machine_answer(&r->machine, &r->parcel.steps[r->at]);
    r->ends_s = now_s + r->result.elapsed_s;
}

/* As far as the pool's answers lead. */
static void advance(bt_sweep *sweep, bt_pool *pool) {
    bt_error error;
    for (;;) {
        const bt_step step = bt_sweep_next(sweep);
        bt_step_result result;
        if (step.kind == BT_STEP_DONE || !bt_pool_take(pool, BT_POOL_FORESIGHT, "net", &step, &result))
            return;
        assert_int_equal(bt_sweep_done(sweep, &step, &result, &error), BT_OK);
    }
}

static void deal(bt_dealing *dealing, const bt_sweep *sweep, const bt_pool *pool, measurer *ranks, int count,
                 double now_s) {
    bt_parcel ahead[AHEAD];
    const bt_wishes wishes = {"net", ahead, bt_sweep_ahead(sweep, ahead, AHEAD)};
    for (int i = 0; i < count; i++) {
        int model;
        if (ranks[i].is_busy || !bt_dealing_next(dealing, i, &wishes, 1, pool, &model, &ranks[i].parcel))
            continue;
        assert_int_equal(model, 0);
        ranks[i].is_busy = true;
        ranks[i].at = 0;
        begin_step(&ranks[i], now_s);
    }
}

static int first_to_end(const measurer *ranks, int count) {
    int first = -1;
    for (int i = 0; i < count; i++)
        if (ranks[i].is_busy && (first < 0 || ranks[i].ends_s < ranks[first].ends_s)) first = i;
    return first;
}

static void end_step(bt_dealing *dealing, const bt_sweep *sweep, bt_pool *pool, measurer *ranks, int index,
                     swept *out, const fate *end) {
    measurer *r = &ranks[index];
    bt_error error;
    const bt_step step = r->parcel.steps[r->at], needed = bt_sweep_next(sweep);
    if (index == end->rank && r->machine.steps++ == end->step) {
        int model;
        bt_step lost;
        r->is_busy = false;
        assert_true(bt_dealing_lose(dealing, index, &model, &lost));
        assert_true(bt_step_equal(&lost, &step)); /* its own, and no other */
        return;
    }
    if (r->result.status == BT_OK || bt_step_equal(&needed, &step))
        assert_int_equal(bt_pool_add(pool, "net", index, &step, &r->result, &error), BT_OK);
    else
        bt_dealing_avoid(dealing, 0, step.batch_size);
    bt_dealing_answered(dealing, index, &step);
    out->measured++;
    if (++r->at < r->parcel.count && r->result.status == BT_OK) {
        begin_step(r, r->ends_s);
        return;
    }
    bt_dealing_done(dealing, index);
    r->is_busy = false;
}

static void conclude(swept *out, bt_record *record) {
    const bt_settings settings = {.p95_sla_ms = 100, .min_mask_iou = 0.99, .memory_reserve_percent = 10};
    bt_model_record *model = &record->models[0];
    bt_error error;
    model->memory_total_mb = 16384;
    assert_int_equal(bt_score_model(model, &settings, &error), BT_OK);
    out->chosen = model->chosen < 0 ? 0 : model->points[model->chosen].batch_size;
    for (int i = 0; i < model->point_count; i++)
        out->outcomes[model->points[i].batch_size] = model->points[i].outcome;
}

static swept sweep_with(int count, bt_sizes batches, machine m, fate end) {
    const bt_sweep_options options = options_of(batches);
    swept out = {0};
    measurer ranks[RANKS_MAX] = {0};
    bt_record *record;
    bt_sweep *sweep;
    bt_dealing *dealing;
    bt_pool *pool;
    bt_error error;
    assert_int_equal(bt_record_open(&record, 1, &error), BT_OK);
    assert_int_equal(bt_sweep_open(&sweep, &options, &record->models[0], &error), BT_OK);
    assert_int_equal(bt_dealing_open(&dealing, count, &error), BT_OK);
    assert_int_equal(bt_pool_open(&pool, NULL, &error), BT_OK);
    for (int i = 0; i < count; i++) {
        ranks[i].machine = m;
        ranks[i].machine.random = bt_random_stream((uint64_t)i + 1, "rank");
        bt_dealing_join(dealing, i);
    }
    for (;;) {
        advance(sweep, pool);
        if (bt_sweep_next(sweep).kind == BT_STEP_DONE) break;
        deal(dealing, sweep, pool, ranks, count, out.took_s);
        const int first = first_to_end(ranks, count);
        assert_true(first >= 0); /* somebody is always at work */
        out.took_s = ranks[first].ends_s;
        end_step(dealing, sweep, pool, ranks, first, &out, &end);
    }
    conclude(&out, record);
    bt_pool_close(&pool);
    bt_dealing_close(&dealing);
    bt_sweep_close(&sweep);
    bt_record_close(&record);
    return out;
}

static const fate nobody = {-1, 0};
static const bt_sizes listed = {5, {1, 2, 4, 8, 16}};
static const bt_sizes searched;

/* ---- promises ---- */

static void more_ranks_choose_the_same_batch(void **state) {
    (void)state;
    for (int searching = 0; searching < 2; searching++) {
        const swept alone = sweep_with(1, searching ? searched : listed, machine_quiet(), nobody);
        assert_int_equal(alone.chosen, 2);
        for (int ranks = 2; ranks <= RANKS_MAX; ranks++) {
            const swept together = sweep_with(ranks, searching ? searched : listed, machine_quiet(), nobody);
            assert_int_equal(together.chosen, alone.chosen);
            assert_memory_equal(together.outcomes, alone.outcomes, sizeof alone.outcomes);
        }
    }
}

static void two_ranks_take_little_more_than_half_the_time(void **state) {
    (void)state;
    const swept alone = sweep_with(1, listed, machine_quiet(), nobody);
    const swept two = sweep_with(2, listed, machine_quiet(), nobody);
    const swept four = sweep_with(4, listed, machine_quiet(), nobody);
    if (two.took_s > 0.6 * alone.took_s)
        fail_msg("%.3f s by two ranks, %.3f s alone", two.took_s, alone.took_s);
    if (four.took_s > 0.4 * alone.took_s)
        fail_msg("%.3f s by four ranks, %.3f s alone", four.took_s, alone.took_s);
}

static void one_rank_alone_measures_nothing_in_vain(void **state) {
    (void)state;
    bt_record *record;
    bt_sweep *sweep;
    bt_error error;
    machine m = machine_quiet();
    const bt_sweep_options options = options_of(listed);
    int steps = 0;
    assert_int_equal(bt_record_open(&record, 1, &error), BT_OK);
    assert_int_equal(bt_sweep_open(&sweep, &options, &record->models[0], &error), BT_OK);
    for (bt_step step; (step = bt_sweep_next(sweep)).kind != BT_STEP_DONE; steps++) {
        const bt_step_result result = machine_answer(&m, &step);
        assert_int_equal(bt_sweep_done(sweep, &step, &result, &error), BT_OK);
    }
    bt_sweep_close(&sweep);
    bt_record_close(&record);
    assert_int_equal(sweep_with(1, listed, machine_quiet(), nobody).measured, steps);
}

static void whoever_dies_whenever_the_sweep_ends_alike(void **state) {
    (void)state;
    const swept alone = sweep_with(1, listed, machine_quiet(), nobody);
    for (int victim = 0; victim < 3; victim++)
        for (int step = 0; step < 12; step++) {
            const swept left = sweep_with(3, listed, machine_quiet(), (fate){victim, step});
            assert_int_equal(left.chosen, alone.chosen);
            assert_memory_equal(left.outcomes, alone.outcomes, sizeof alone.outcomes);
        }
}

static void noise_changes_no_more_than_it_does_alone(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        machine m = machine_quiet();
        m.noise = 0.03;
        m.random = bt_random_stream(seed, "rank");
        const int chosen = sweep_with(3, listed, m, nobody).chosen;
        assert_true(chosen == 1 || chosen == 2 || chosen == 4);
    }
}

static void what_breaks_breaks_one_size(void **state) {
    (void)state;
    machine m = machine_quiet();
    m.crash_at = 8;
    const swept together = sweep_with(2, listed, m, nobody);
    assert_int_equal(together.chosen, 2);
    assert_int_equal(together.outcomes[8], BT_OUTCOME_CRASHED);
    assert_int_equal(together.outcomes[4], sweep_with(1, listed, m, nobody).outcomes[4]);
}

/* ---- dealing by itself ---- */

static bt_parcel turn(int batch_size) {
    return (bt_parcel){{{BT_STEP_MEASURE, batch_size, 6}}, 1};
}

static void a_parcel_is_dealt_as_often_as_it_is_wanted(void **state) {
    (void)state;
    bt_dealing *dealing;
    bt_pool *pool;
    bt_error error;
    int model;
    bt_parcel parcel;
    const bt_parcel wanted[] = {turn(4), turn(4), turn(8)};
    const bt_wishes wishes = {"net", wanted, 3};
    assert_int_equal(bt_dealing_open(&dealing, 4, &error), BT_OK);
    assert_int_equal(bt_pool_open(&pool, NULL, &error), BT_OK);
    assert_false(bt_dealing_next(dealing, 0, &wishes, 1, pool, &model, &parcel)); /* it takes no part yet */
    for (int rank = 0; rank < 4; rank++)
        bt_dealing_join(dealing, rank);
    const int sizes[] = {4, 4, 8};
    for (int rank = 0; rank < 3; rank++) {
        assert_true(bt_dealing_next(dealing, rank, &wishes, 1, pool, &model, &parcel));
        assert_int_equal(parcel.steps[0].batch_size, sizes[rank]);
        assert_false(bt_dealing_next(dealing, rank, &wishes, 1, pool, &model, &parcel)); /* it is at work */
    }
    assert_false(bt_dealing_next(dealing, 3, &wishes, 1, pool, &model, &parcel));
    bt_step_result result = bt_step_result_empty();
    assert_int_equal(bt_pool_add(pool, "net", 0, &wanted[0].steps[0], &result, &error), BT_OK);
    bt_dealing_answered(dealing, 0, &wanted[0].steps[0]);
    bt_dealing_done(dealing, 0);
    assert_false(bt_dealing_next(dealing, 0, &wishes, 1, pool, &model, &parcel)); /* the pool has it */
    bt_step lost;
    assert_true(bt_dealing_lose(dealing, 2, &model, &lost));
    assert_int_equal(lost.batch_size, 8);
    assert_true(bt_dealing_next(dealing, 0, &wishes, 1, pool, &model, &parcel));
    assert_int_equal(parcel.steps[0].batch_size, 8);
    assert_int_equal(bt_dealing_deaths(dealing, 0, 8), 1);
    bt_pool_close(&pool);
    bt_dealing_close(&dealing);
}

static void ranks_spread_over_models_and_stay_where_they_are(void **state) {
    (void)state;
    bt_dealing *dealing;
    bt_pool *pool;
    bt_error error;
    int model;
    bt_parcel parcel;
    const bt_parcel of_a[] = {turn(1), turn(2)}, of_b[] = {turn(1), turn(2)};
    bt_wishes wishes[] = {{"a", of_a, 2}, {"b", of_b, 2}};
    assert_int_equal(bt_dealing_open(&dealing, 2, &error), BT_OK);
    assert_int_equal(bt_pool_open(&pool, NULL, &error), BT_OK);
    bt_dealing_join(dealing, 0);
    bt_dealing_join(dealing, 1);
    assert_true(bt_dealing_next(dealing, 0, wishes, 2, pool, &model, &parcel));
    assert_int_equal(model, 0);
    assert_true(bt_dealing_next(dealing, 1, wishes, 2, pool, &model, &parcel));
    assert_int_equal(model, 1);
    bt_dealing_done(dealing, 1);
    assert_true(bt_dealing_next(dealing, 1, wishes, 2, pool, &model, &parcel));
    assert_int_equal(model, 1); /* its session is open */
    bt_dealing_done(dealing, 1);
    wishes[1].count = 0;
    assert_true(bt_dealing_next(dealing, 1, wishes, 2, pool, &model, &parcel));
    assert_int_equal(model, 0); /* where there is work */
    assert_int_equal(parcel.steps[0].batch_size, 2);
    bt_dealing_done(dealing, 1);
    bt_dealing_bar(dealing, 1, 0);
    assert_false(bt_dealing_next(dealing, 1, wishes, 2, pool, &model, &parcel));
    assert_false(bt_dealing_all_barred(dealing, 0));
    bt_dealing_bar(dealing, 0, 0);
    assert_true(bt_dealing_all_barred(dealing, 0));
    bt_pool_close(&pool);
    bt_dealing_close(&dealing);
}

/* ---- merging ---- */

static bt_step_result sample(double ms) {
    bt_step_result result = bt_step_result_empty();
    result.samples_ms[0] = ms;
    result.sample_count = 1;
    result.elapsed_s = ms / 1e3;
    return result;
}

static void each_reader_has_each_answer_once_and_in_order(void **state) {
    (void)state;
    bt_pool *pool;
    bt_error error;
    const bt_step step = {BT_STEP_MEASURE, 4, 1}, other = {BT_STEP_MEASURE, 4, 2};
    assert_int_equal(bt_pool_open(&pool, NULL, &error), BT_OK);
    for (int i = 1; i <= 2; i++) {
        const bt_step_result result = sample(i);
        assert_int_equal(bt_pool_add(pool, "net", i, &step, &result, &error), BT_OK);
    }
    bt_step_result result;
    assert_false(bt_pool_take(pool, BT_POOL_RUN, "net", &other, &result));
    assert_false(bt_pool_take(pool, BT_POOL_RUN, "other", &step, &result));
    for (int reader = 0; reader < BT_POOL_READERS; reader++)
        for (int i = 1; i <= 2; i++) {
            assert_int_equal(bt_pool_left(pool, (bt_pool_reader)reader, "net", &step), 3 - i);
            assert_true(bt_pool_take(pool, (bt_pool_reader)reader, "net", &step, &result));
            assert_true(result.samples_ms[0] == i);
        }
    assert_false(bt_pool_take(pool, BT_POOL_RUN, "net", &step, &result));
    bt_pool_close(&pool);
}

static void what_ranks_measured_is_on_disk(void **state) {
    (void)state;
    bt_pool *pool;
    bt_error error;
    const bt_step step = {BT_STEP_MEASURE, 4, 1};
    const bt_step_result result = sample(7.25);
    const bt_worker_facts facts = {.info = {.backend = "sim", .threads = 3}, .total_memory_bytes = 1000};
    assert_int_equal(bt_pool_open(&pool, "ranks.jsonl", &error), BT_OK);
    assert_int_equal(bt_pool_add_facts(pool, "net", 1, &facts, 0.5, &error), BT_OK);
    assert_int_equal(bt_pool_add(pool, "net", 1, &step, &result, &error), BT_OK);
    bt_pool_close(&pool);
    if (bt_pool_open(&pool, "ranks.jsonl", &error) != BT_OK) fail_msg("%s", error.message);
    bt_step_result read;
    bt_worker_facts told;
    double elapsed_s;
    assert_true(bt_pool_take(pool, BT_POOL_RUN, "net", &step, &read));
    assert_true(read.samples_ms[0] == 7.25);
    assert_true(bt_pool_facts(pool, "net", &told, &elapsed_s));
    assert_string_equal(told.info.backend, "sim");
    assert_int_equal(told.info.threads, 3);
    assert_true(elapsed_s == 0.5);
    assert_false(bt_pool_facts(pool, "other", &told, &elapsed_s));
    bt_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_ranks_choose_the_same_batch),
        cmocka_unit_test(two_ranks_take_little_more_than_half_the_time),
        cmocka_unit_test(one_rank_alone_measures_nothing_in_vain),
        cmocka_unit_test(whoever_dies_whenever_the_sweep_ends_alike),
        cmocka_unit_test(noise_changes_no_more_than_it_does_alone),
        cmocka_unit_test(what_breaks_breaks_one_size),
        cmocka_unit_test(a_parcel_is_dealt_as_often_as_it_is_wanted),
        cmocka_unit_test(ranks_spread_over_models_and_stay_where_they_are),
        cmocka_unit_test(each_reader_has_each_answer_once_and_in_order),
        cmocka_unit_test_setup_teardown(what_ranks_measured_is_on_disk, bt_scratch_enter, bt_scratch_leave),
    };
    return cmocka_run_group_tests_name("tune: dealing", tests, NULL, NULL);
}
