/* perf-gate: did a change make it slower? Measuring and judging are src/gate's, the forms src/report's; here
 * they are put in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/files.h"
#include "base/log.h"
#include "base/program.h"
#include "base/terminal.h"
#include "base/text.h"
#include "gate/collect.h"
#include "gate/compare.h"
#include "gate/judge.h"
#include "gate/race.h"
#include "gate/turns.h"
#include "report/gate.h"
#include "report/results-index.h"

static const volatile sig_atomic_t *stop;

/* ---- the commands, as --help tells them ---- */

static const char *operands[2];

static const bt_command_exit verdict_exits[] = {
    {BT_EXIT_GOOD, "surely not slower than the tolerance in any metric, or slower as the rules declare"},
    {BT_EXIT_GOOD, "the same, and surely faster in at least one"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing; run: the new version's probe failed"},
    {BT_EXIT_USAGE, "wrong usage, or a file that is missing or broken"},
    {BT_EXIT_BROKEN, "surely slower than both tolerances in some metric, or an SLA is newly broken"},
    {BT_EXIT_INCONCLUSIVE,
     "neither is sure, or nothing was measured; 0 with --on-inconclusive pass, but never "
     "for nothing"},
    {BT_EXIT_INCONCLUSIVE, "unlike machines or work, or a metric that is gone; likewise"},
    {BT_EXIT_INTERRUPTED, "interrupted; nothing is judged"},
    {0, NULL},
};
static const char *const verdict_words[] = {"same",   "faster",       "failed",       "bad-input",
                                            "slower", "inconclusive", "incomparable", "interrupted"};

static const bt_command_exit record_exits[] = {
    {BT_EXIT_GOOD, "the record is written"},
    {BT_EXIT_FAILED, "something broke"},
    {BT_EXIT_USAGE, "wrong usage; a backend, device or checkpoint that is not there"},
    {BT_EXIT_INTERRUPTED, "interrupted; the turns that were whole are written, and the record says so"},
    {0, NULL},
};

static bt_command record_command = {
    .name = "perf-gate record",
    .summary =
        "Measures this machine's service times and batchtune's own overhead, for a later compare.\n"
        "Each turn is a fresh process. A record holds every sample, the machine, and what was run on it.",
    .prints = "what was recorded",
    .usage = "--output FILE [options]",
    .examples = "  perf-gate record --output baseline.json\n"
                "  perf-gate record --output now.json --device cuda:0 --image-size 1024 --batches 1,4,8,12\n"
                "  perf-gate record --output core.json --no-networks      only batchtune's own code\n"
                "  perf-gate record --output quick.json --time-budget 60s\n",
    .exits = record_exits,
};

static bt_command compare_command = {
    .name = "perf-gate compare",
    .summary =
        "Compares two stored records: did a driver, libtorch, weights file or setting make it slower?\n"
        "Takes what perf-gate record, optimize-batch (results/RUN/record.json) or test-production wrote. "
        "Machines\nmust be alike; what else differs is listed as what the change is about. Records that "
        "were not taken together\nare held against the rules' profile \"stored\", unless another is "
        "named.",
    .prints = "the comparison",
    .usage = "[options] BASELINE.json NOW.json",
    .examples = "  perf-gate compare baseline.json now.json\n"
                "  perf-gate compare baseline.json now.json --format junit --output gate.xml\n"
                "  perf-gate compare old/record.json new/record.json --format markdown --output comment.md\n",
    .exits = verdict_exits,
    .exit_words = verdict_words,
    .operands = operands,
    .operand_count = 2,
};

static bt_command run_command = {
    .name = "perf-gate run",
    .summary =
        "Compares two versions of batchtune, whose gate-probes take turns (A B, B A, ...): `make perf-gate "
        "BASE=REF`\nbuilds the old one and calls this. Rounds go on until each metric is decided or the "
        "time budget is used.",
    .prints = "the comparison",
    .usage = "--base PROGRAM --head PROGRAM [options]",
    .examples = "  perf-gate run --base old/build/bin/gate-probe --head build/bin/gate-probe\n"
                "  make perf-gate BASE=HEAD~1 ARGS=\"--profile shared --time-budget 120s\"\n",
    .exits = verdict_exits,
    .exit_words = verdict_words,
};

static bt_command show_command = {
    .name = "perf-gate show",
    .summary = "Tells a stored verdict again, in any form; exits as the comparison did.\n"
               "One comparison thus serves a log, a pull request and a CI system's test report.",
    .prints = "the comparison",
    .usage = "[options] VERDICT.json",
    .examples = "  perf-gate compare baseline.json now.json --verdict gate.json\n"
                "  perf-gate show gate.json --format junit --output gate.xml\n",
    .exits = verdict_exits,
    .exit_words = verdict_words,
    .operands = operands,
    .operand_count = 1,
};

static const bt_command *const commands[BT_GATE_COMMAND_COUNT] = {
    [BT_GATE_RECORD] = &record_command,
    [BT_GATE_COMPARE] = &compare_command,
    [BT_GATE_RUN] = &run_command,
    [BT_GATE_SHOW] = &show_command,
};

static const bt_command_set set = {
    .name = "perf-gate",
    .summary = "The performance gate: fails a change that makes things slower, and only such a change.",
    .commands = commands,
    .count = BT_GATE_COMMAND_COUNT,
};

/* Everything a run holds. */
typedef struct gate {
    bt_gate_settings settings;
    bt_option_sources sources;
    const bt_command *command;
    const bt_option *table;
    size_t count;
    bt_gate_rules rules;
    bt_judge judge;
    bt_log *log;
    char command_line[BT_COMMAND_LINE_SIZE];
    bt_gate_record *before, *now;
    bt_gate_verdict *verdict;
    bool told; /* the verdict, as it was asked for */
} gate;

static bt_status write_command_line(gate *g, int argc, char **argv, bt_error *error) {
    FILE *out = fmemopen(g->command_line, sizeof g->command_line, "w");
    if (!out) return bt_no_memory(error, "the command line");
    for (int i = 0; i < argc; i++) {
        if (i > 0) fputc(' ', out);
        bt_text_shell_word(argv[i], out);
    }
    if (fclose(out) != 0) return bt_fail(error, BT_INVALID, "the command line is too long to be recorded");
    return BT_OK;
}

static void put_subject(bt_subject *subject) {
    bt_subject_read(subject);
    bt_cuda_fill_driver(subject->gpu_driver, sizeof subject->gpu_driver);
}

/* ---- record ---- */

static bt_status take_turns(gate *g, const char *probe, bt_error *error) {
    char *text = bt_gauge_settings_text(&g->settings.gauge, g->table, g->count, &g->sources);
    if (!text) return bt_no_memory(error, "the probe's settings");
    const bt_turns turns = {.program = probe,
                            .settings_text = text,
                            .wanted = g->settings.turns,
                            .time_budget_ns = g->settings.time_budget_ns,
                            .log = g->log,
                            .stop = stop};
    bt_status status = bt_turns_take(g->now, &turns, error);
    free(text);
    return status;
}

static bt_status do_record(gate *g, int *code, bt_error *error) {
    char program[BT_PATH_SIZE], probe[BT_PATH_SIZE];
    if (!g->settings.output[0]) return bt_fail(error, BT_INVALID, "--output: name the record's file");
    bt_status status = bt_file_check_writable(g->settings.output, error);
    if (status == BT_OK) status = bt_path_of_program(program, error);
    if (status == BT_OK) status = bt_path_join(probe, error, "%s/gate-probe", program);
    if (status == BT_OK) status = bt_gate_record_open(&g->now, error);
    if (status != BT_OK) return status;
    bt_clock_utc(g->now->started_at);
    memcpy(g->now->command, g->command_line, sizeof g->now->command);
    put_subject(&g->now->subject);
    status = take_turns(g, probe, error);
    if (status == BT_OK && g->now->series_count == 0)
        status = bt_fail(error, BT_INVALID, "nothing was measured: leave --networks or --core on");
    bool replaced = g->now->partial[0] && bt_file_exists(g->settings.output);
    if (status == BT_OK) status = bt_gate_record_save(g->now, g->settings.output, error);
    if (status != BT_OK) return status;
    int metrics = g->now->series_count, turns_taken = g->now->series[0].turn_count;
    char line[2 * BT_TEXT_SIZE + BT_PATH_SIZE];
    snprintf(line, sizeof line, "%s: %d metric%s, %d turn%s%s%s%s", g->settings.output, metrics,
             metrics == 1 ? "" : "s", turns_taken, turns_taken == 1 ? "" : "s",
             g->now->partial[0] ? ": " : "", g->now->partial,
             replaced ? "; the record that was there has .bak behind its name" : "");
    /* One line for another program, whatever its length. */
    bt_terminal_wrap(stdout, line, 0, 0,
                     isatty(STDOUT_FILENO) ? bt_terminal_columns(stdout) : (int)sizeof line);
    *code = *stop && g->now->partial[0] ? BT_EXIT_INTERRUPTED : BT_EXIT_GOOD;
    return BT_OK;
}

/* ---- judging ---- */

/* The usual rules: those where one works, else those that came with the program; "" where there are none. */
static bt_status find_rules(const gate *g, char out[BT_PATH_SIZE], bt_error *error) {
    static const char *const places[] = {"/../../configs", "/../share/batchtune"};
    char program[BT_PATH_SIZE];
    bt_status status = bt_path_join(out, error, "%s", g->settings.rules);
    if (status != BT_OK || bt_file_exists(out)) return status;
    status = bt_path_of_program(program, error);
    for (int i = 0; i < 2 && status == BT_OK; i++) {
        status = bt_path_join(out, error, "%s%s/perf-gate.json", program, places[i]);
        if (status == BT_OK && bt_file_exists(out)) return BT_OK;
    }
    out[0] = '\0';
    return status;
}

/* The usual rules may be absent, asked-for ones may not. */
static bt_status load_rules(gate *g, const char *usual_profile, bt_error *error) {
    int row = bt_options_find(g->table, g->count, "rules");
    bool asked = g->sources.of[row] != BT_SOURCE_DEFAULT;
    const char *profile = g->settings.profile;
    char path[BT_PATH_SIZE];
    bt_gate_rules_default(&g->rules);
    bt_status status =
        asked ? bt_path_join(path, error, "%s", g->settings.rules) : find_rules(g, path, error);
    if (status == BT_OK && path[0]) status = bt_gate_rules_load(&g->rules, path, error);
    if (status != BT_OK) return status;
    g->judge.rules = &g->rules;
    g->judge.seed = (uint64_t)g->settings.seed;
    if (!profile[0] && bt_gate_rules_choose(&g->rules, usual_profile, &g->judge.profile, NULL) == BT_OK)
        return BT_OK;
    return bt_gate_rules_choose(&g->rules, profile, &g->judge.profile, error);
}

/* What was given counts, else what the profile says. */
static bt_on_inconclusive policy_of(const gate *g) {
    int row = bt_options_find(g->table, g->count, "on_inconclusive");
    const char *profile = g->judge.profile.on_inconclusive;
    if (g->sources.of[row] != BT_SOURCE_DEFAULT) return (bt_on_inconclusive)g->settings.on_inconclusive;
    if (strcmp(profile, "pass") == 0) return BT_ON_INCONCLUSIVE_PASS;
    return strcmp(profile, "retry") == 0 ? BT_ON_INCONCLUSIVE_RETRY : BT_ON_INCONCLUSIVE_FAIL;
}

static bt_status open_verdict(gate *g, bt_error *error) {
    bt_status status = bt_gate_verdict_open(&g->verdict, error);
    if (status != BT_OK) return status;
    bt_clock_utc(g->verdict->started_at);
    memcpy(g->verdict->command, g->command_line, sizeof g->verdict->command);
    memcpy(g->verdict->profile, g->judge.profile.name, sizeof g->verdict->profile);
    g->verdict->error_percent = g->rules.error_percent;
    return BT_OK;
}

/* Tells the verdict as asked, and keeps it. */
static bt_status tell(gate *g, int *code, bt_error *error) {
    bt_gate_format format = (bt_gate_format)g->settings.format;
    const char *kept = g->settings.verdict;
    bt_error cause;
    bt_status status = g->settings.output[0]
                           ? bt_gate_publish_file(g->verdict, format, g->settings.output, error)
                           : bt_command_printed(stdout, bt_gate_publish(g->verdict, format, stdout, error));
    g->told = true;
    if (kept[0]) bt_keep_first(&status, error, bt_gate_verdict_save(g->verdict, kept, &cause), &cause);
    if (kept[0] && status == BT_OK) bt_results_index_refresh_beside(kept, g->log);
    *code = g->verdict->verdict_code;
    return status;
}

static bt_status do_compare(gate *g, int *code, bt_error *error) {
    bt_status status = load_rules(g, "stored", error);
    if (status == BT_OK) status = bt_gate_collect(&g->before, operands[0], error);
    if (status == BT_OK) status = bt_gate_collect(&g->now, operands[1], error);
    if (status == BT_OK) status = open_verdict(g, error);
    if (status != BT_OK) return status;
    snprintf(g->verdict->before_name, sizeof g->verdict->before_name, "%s (%s)", operands[0],
             g->before->started_at);
    snprintf(g->verdict->now_name, sizeof g->verdict->now_name, "%s (%s)", operands[1], g->now->started_at);
    status = bt_compare_records(g->verdict, &g->judge, g->before, g->now, error);
    if (status != BT_OK) return status;
    bt_judge_whole(g->verdict, policy_of(g));
    return tell(g, code, error);
}

static bt_status do_run(gate *g, int *code, bt_error *error) {
    const bt_gate_settings *s = &g->settings;
    bt_status status = load_rules(g, "", error);
    if (status == BT_OK) status = open_verdict(g, error);
    if (status != BT_OK) return status;
    snprintf(g->verdict->before_name, sizeof g->verdict->before_name, "%.255s",
             s->base_name[0] ? s->base_name : s->base);
    snprintf(g->verdict->now_name, sizeof g->verdict->now_name, "%.255s",
             s->head_name[0] ? s->head_name : s->head);
    const bt_race_options options = {s,      &g->sources, &g->judge, policy_of(g) == BT_ON_INCONCLUSIVE_RETRY,
                                     g->log, stop};
    status = bt_race_run(g->verdict, &options, error);
    if (status != BT_OK) return status;
    bt_judge_whole(g->verdict, policy_of(g));
    return tell(g, code, error);
}

static bt_status do_show(gate *g, int *code, bt_error *error) {
    bt_status status = bt_gate_verdict_load(&g->verdict, operands[0], error);
    return status == BT_OK ? tell(g, code, error) : status;
}

/* ---- the program ---- */

static int finish(gate *g, bt_status status, int code, const bt_error *error) {
    if (status != BT_OK) code = *stop ? BT_EXIT_INTERRUPTED : bt_command_fail(g->command, error, stderr);
    /* What another program reads from standard output must not end in a verdict. */
    const bool for_people = !g->told || g->settings.output[0] || g->settings.format == BT_GATE_FORMAT_TABLE;
    const char *word =
        status == BT_OK && g->verdict ? bt_gate_word_name(g->verdict->verdict) : bt_exit_name(code);
    return bt_command_finish_as(g->command, stdout, stderr, !for_people, code, word);
}

int main(int argc, char **argv) {
    static bt_status (*const run[BT_GATE_COMMAND_COUNT])(gate *, int *, bt_error *) = {
        [BT_GATE_RECORD] = do_record,
        [BT_GATE_COMPARE] = do_compare,
        [BT_GATE_RUN] = do_run,
        [BT_GATE_SHOW] = do_show,
    };
    static gate g; /* large: kept off the stack */
    bt_error error = {BT_OK, ""};
    size_t chosen;
    stop = bt_program_begin(BT_SIGNALS_STOP);
    int code = bt_command_choose(&set, argc, argv, &chosen, stdout, stderr);
    if (code >= 0) return code;
    bt_command command = *commands[chosen];
    g.command = &command;
    g.table = command.table = bt_gate_settings_table((bt_gate_command)chosen, &g.count);
    command.count = g.count;
    code = bt_command_start(&command, argc - 1, argv + 1, &g.settings, &g.sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = write_command_line(&g, argc, argv, &error);
    if (status == BT_OK)
        status = bt_log_open(&g.log, stderr, g.settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, NULL, &error);
    if (status == BT_OK) status = run[chosen](&g, &code, &error);
    code = finish(&g, status, code, &error);
    bt_gate_record_close(&g.before);
    bt_gate_record_close(&g.now);
    bt_gate_verdict_close(&g.verdict);
    bt_log_close(&g.log);
    return code;
}
