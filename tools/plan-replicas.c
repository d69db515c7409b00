/* plan-replicas: how many replicas of each tuned model a rate takes, by simulation. Measures nothing and loads no runtime. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/command.h"
#include "base/json.h"
#include "base/program.h"
#include "base/text.h"
#include "record/config.h"
#include "report/table.h"
#include "settings/replicas.h"
#include "simulate/replicas.h"

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "each model has a number of replicas that is predicted to keep its promise"},
    {BT_EXIT_FAILED, "memory ran out, or the output could not be written"},
    {BT_EXIT_USAGE, "wrong usage, or the config, a model or its measured times are not there or broken"},
    {BT_EXIT_BROKEN, "no number of replicas keeps a model's promise, or not the number that was asked about"},
    {0, NULL},
};

static const char *const exit_words[] = {"good", "failed", "bad-input", "sla-broken"};

static bt_command command = {
    .name = "plan-replicas",
    .summary = "Says how many replicas of each tuned model a rate takes within its P95 promise, with room to "
               "grow, and\n"
               "when to have more or fewer of them. By simulation: each replica is the batcher that serves, "
               "with its\n"
               "measured service times, and a balancer shares requests out.",
    .prints = "the plan",
    .usage = "--rate RPS [options]",
    .examples =
        "  plan-replicas --rate 400                             replicas, expected P95, when to scale\n"
        "  plan-replicas --rate 400 --balancing round-robin     behind a plain Kubernetes service\n"
        "  plan-replicas --rate 400 --replicas 3                what three of them would do\n"
        "  plan-replicas --rate 400 --format json | jq '.[].recommended'\n",
    .exits = exits,
    .exit_words = exit_words,
    .table = bt_replicas_settings_table,
};

static const char *const balancing_names[] = {"least", "round-robin"};
static const char *const balancing_words[] = {"to whoever has fewest under way", "in turn"};

/* One model's plan. With a number that was given, `plan` has that row alone. */
typedef struct planned {
    const bt_config_model *entry;
    bt_replicas_wanted wanted;
    bt_replicas_plan plan;
    bool keeps;
} planned;

static bt_status plan_model(planned *p, const bt_config_model *entry, const bt_replicas_settings *s,
                            bt_error *error) {
    bt_tuned_model tuned;
    bt_status status = bt_tuned_model_open(&tuned, entry, 0, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", entry->name);
    *p = (planned){.entry = entry};
    p->wanted =
        (bt_replicas_wanted){.model = &tuned,
                             .instances = entry->instance_count > 0 ? entry->instance_count : 1,
                             .balancing = (bt_balancing)s->balancing,
                             .rate_rps = s->rate,
                             .p95_sla_ms = s->p95_sla_ms > 0 ? s->p95_sla_ms : entry->settings.p95_sla_ms,
                             .headroom = s->headroom_percent / 100,
                             .seed = (uint64_t)s->seed};
    if (s->replicas > 0) {
        p->plan =
            (bt_replicas_plan){.row_count = 1, .up_each_rps = NAN, .up_under_way = NAN, .down_rps = NAN};
        status = bt_replicas_row_of(&p->plan.rows[0], &p->wanted, (int)s->replicas, error);
        p->keeps = p->plan.rows[0].keeps;
    } else {
        status = bt_replicas_find(&p->plan, &p->wanted, error);
        p->keeps = p->plan.least > 0;
    }
    p->wanted.model = NULL;
    bt_tuned_model_close(&tuned);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", entry->name);
}

/* ---- for people ---- */

static bt_status print_rows(const planned *p, bt_error *error) {
    static const bt_column columns[] = {{"", false},     {"replicas", true},  {"hold rps", true},
                                        {"each", true},  {"P95 ms", true},    {"P99 ms", true},
                                        {"batch", true}, {"under way", true}, {"promise", false}};
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; status == BT_OK && i < p->plan.row_count; i++) {
        const bt_replicas_row *row = &p->plan.rows[i];
        const bool lost = row->at.ok < row->at.arrival_count;
        bt_table_text(table, row->replicas == p->plan.recommended ? "→" : "");
        bt_table_text(table, "%d", row->replicas);
        bt_table_number(table, row->holds_rps, 1);
        bt_table_number(table, row->holds_rps / row->replicas, 1);
        bt_table_number(table, row->at.p95_ms, 1);
        bt_table_number(table, row->at.p99_ms, 1);
        bt_table_number(table, row->at.mean_batch_size, 2);
        bt_table_number(table, row->at.mean_under_way, 2);
        bt_table_text(table, row->keeps ? "kept" : lost ? "broken: requests are refused" : "broken");
    }
    return bt_table_print(&table, status, stdout, error);
}

static bt_status print_model(const planned *p, bt_error *error) {
    const bt_replicas_plan *plan = &p->plan;
    const bt_replicas_wanted *w = &p->wanted;
    bt_text_print(stdout, "%s, %g requests/s, P95 within %g ms, shared out %s, %d instance%s each\n",
                  p->entry->name, w->rate_rps, w->p95_sla_ms, balancing_words[w->balancing], w->instances,
                  w->instances == 1 ? "" : "s");
    if (!p->keeps && plan->row_count == 0) {
        bt_text_print(stdout,
                      "plan      none: no request keeps that promise, however many replicas there are\n\n");
        return BT_OK;
    }
    bt_status status = print_rows(p, error);
    if (status != BT_OK || plan->recommended == 0) {
        putchar('\n');
        return status;
    }
    bt_text_print(stdout, "plan      %d replica%s; %d would do without headroom (%g %%)\n", plan->recommended,
                  plan->recommended == 1 ? "" : "s", plan->least, 100 * w->headroom);
    bt_text_print(stdout, "more      from %.3g requests/s of each on, or %.2g of each waiting or running\n",
                  plan->up_each_rps, plan->up_under_way);
    if (isfinite(plan->down_rps))
        bt_text_print(stdout, "fewer     below %.3g requests/s in all\n", plan->down_rps);
    putchar('\n');
    return BT_OK;
}

/* ---- for programs ---- */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_json(const bt_replicas_row *row) {
    return json_pack("{s:i, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:I}", "replicas", row->replicas, "holds_rps",
                     number(row->holds_rps), "keeps", row->keeps, "p50_ms", number(row->at.p50_ms), "p95_ms",
                     number(row->at.p95_ms), "p99_ms", number(row->at.p99_ms), "mean_batch_size",
                     number(row->at.mean_batch_size), "mean_under_way", number(row->at.mean_under_way),
                     "lost", (json_int_t)(row->at.arrival_count - row->at.ok));
}

static json_t *plan_json(const planned *p) {
    const bt_replicas_plan *plan = &p->plan;
    json_t *rows = json_array();
    for (int i = 0; i < plan->row_count; i++)
        json_array_append_new(rows, row_json(&plan->rows[i]));
    return json_pack("{s:s, s:f, s:f, s:s, s:f, s:i, s:i, s:o, s:o, s:o, s:o}", "model", p->entry->name,
                     "rate_rps", p->wanted.rate_rps, "p95_sla_ms", p->wanted.p95_sla_ms, "balancing",
                     balancing_names[p->wanted.balancing], "headroom_percent", 100 * p->wanted.headroom,
                     "least", plan->least, "recommended", plan->recommended, "more_above_rps_each",
                     number(plan->up_each_rps), "more_above_under_way_each", number(plan->up_under_way),
                     "fewer_below_rps", number(plan->down_rps), "replicas", rows);
}

/* ---- all of them ---- */

static bt_status check(const bt_config *config, const bt_replicas_settings *s, bt_error *error) {
    if (!(s->rate > 0))
        return bt_fail(error, BT_INVALID, "--rate: how many requests a second are there to be served?");
    return bt_config_check_names(config, &s->models, error);
}

static bt_status run(const bt_replicas_settings *s, bool *keeps, bt_error *error) {
    bt_config *config = NULL;
    json_t *all = json_array();
    bt_status status = bt_config_load_flag(&config, s->config, error);
    if (status == BT_OK) status = check(config, s, error);
    *keeps = true;
    for (int i = 0; status == BT_OK && i < config->model_count; i++) {
        planned p;
        if (!bt_names_want(&s->models, config->models[i].name)) continue;
        status = plan_model(&p, &config->models[i], s, error);
        if (status != BT_OK) break;
        *keeps = *keeps && p.keeps;
        if (s->format == BT_REPLICAS_JSON)
            json_array_append_new(all, plan_json(&p));
        else
            status = print_model(&p, error);
    }
    if (status == BT_OK && s->format == BT_REPLICAS_JSON)
        status = bt_json_write(all, JSON_INDENT(2), stdout, error);
    json_decref(all);
    bt_config_close(&config);
    return bt_command_printed(stdout, status);
}

int main(int argc, char **argv) {
    static bt_replicas_settings settings;
    bt_option_sources sources;
    bt_error error;
    bool keeps = false;
    bt_program_begin(BT_SIGNALS_END);
    command.count = bt_replicas_settings_count;
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = run(&settings, &keeps, &error);
    code = status != BT_OK ? bt_command_fail(&command, &error, stderr)
           : keeps         ? BT_EXIT_GOOD
                           : BT_EXIT_BROKEN;
    const bool json = settings.format == BT_REPLICAS_JSON;
    return bt_command_finish(&command, stdout, stderr, json, code);
}
