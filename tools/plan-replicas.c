/* plan-replicas: how many replicas of each tuned model a rate takes, by simulation. Measures nothing and loads no runtime. */
#include <jansson.h>
#include <stdio.h>

#include "base/command.h"
#include "base/json.h"
#include "base/program.h"
#include "record/config.h"
#include "report/replicas.h"
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

static bt_status check(const bt_config *config, const bt_replicas_settings *s, bt_error *error) {
    if (!(s->rate > 0))
        return bt_fail(error, BT_INVALID, "--rate: how many requests a second are there to be served?");
    return bt_config_check_names(config, &s->models, error);
}

static bt_status tell(const bt_replicas_plan *plan, bt_replicas_format format, json_t *all, bt_error *error) {
    if (format == BT_REPLICAS_JSON)
        return json_array_append_new(all, bt_replicas_plan_to_json(plan)) == 0
                   ? BT_OK
                   : bt_no_memory(error, "a plan");
    bt_status status = bt_replicas_report(plan, stdout, error);
    putchar('\n');
    return status;
}

static bt_status run(const bt_replicas_settings *s, bool *keeps, bt_error *error) {
    bt_config *config = NULL;
    json_t *all = json_array();
    bt_status status = bt_config_load_flag(&config, s->config, error);
    if (status == BT_OK) status = check(config, s, error);
    *keeps = true;
    for (int i = 0; status == BT_OK && i < config->model_count; i++) {
        bt_replicas_plan plan;
        if (!bt_names_want(&s->models, config->models[i].name)) continue;
        status = bt_replicas_of(&plan, &config->models[i], s, error);
        if (status != BT_OK) break;
        *keeps = *keeps && bt_replicas_plan_keeps(&plan);
        status = tell(&plan, (bt_replicas_format)s->format, all, error);
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
