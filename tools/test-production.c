/* test-production: proves the tuned config under load. The work is done by src/prove, what is written by
 * src/record and src/report; here they are put in order. */
#include <stdio.h>
#include <string.h>

#include "backend/cuda.h"
#include "backend/sim.h"
#include "base/command.h"
#include "base/files.h"
#include "base/log.h"
#include "base/program.h"
#include "base/text.h"
#include "load/spread.h"
#include "prove/trial.h"
#include "record/config.h"
#include "record/load-record.h"
#include "report/load.h"
#include "report/results-index.h"

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD,
     "the SLA is met in every test: P95's upper bound is within it, nothing was lost or disturbed"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing"},
    {BT_EXIT_USAGE, "wrong usage or bad input: no config, a broken one, a backend that is not there"},
    {BT_EXIT_BROKEN, "the SLA is broken: P95's lower bound is above it, or requests got no result"},
    {BT_EXIT_INCONCLUSIVE, "not shown: too few requests for either, or other programs used the cores"},
    {BT_EXIT_INTERRUPTED, "interrupted; what was tested until then is reported"},
    {0, NULL},
};

static void write_simulation_keys(FILE *out) {
    fputs("\nKeys of --backend sim:KEY=VALUE,...:\n", out);
    bt_sim_help(out);
}

static bt_command command = {
    .name = "test-production",
    .summary =
        "Runs single, burst, sustained and mixed load through the batching service with the tuned config,\n"
        "and says whether the P95 latency promise holds for requests, with cause and remedy where it does\n"
        "not. Writes a record, plots, and the SLA compliance report as Markdown and as one HTML page.",
    .prints = "the report",
    .usage = "[options]",
    .examples =
        "  test-production                                  everything, about three minutes\n"
        "  test-production --models hrnet --scenarios sustained --rate 4 --duration 60s\n"
        "  test-production --batch-size 2                   would another batch size do better?\n"
        "  test-production --scenarios soak --duration 1h\n"
        "  test-production --scenarios capacity             the highest rate that keeps the SLA\n"
        "  test-production --format junit --output sla.xml  for CI\n"
        "  test-production --endpoint http://localhost:8000 a server that runs: this one's, Triton's, ...\n"
        "  mpirun -n 4 --enable-recovery test-production --mpi --endpoint http://server:8000\n"
        "                                                   one load, sent by four machines\n"
        "  test-production --config configs/simulated.json --backend sim:tau0_ms=4,alpha_ms=2\n"
        "                                                   a try-out without libtorch\n",
    .exits = exits,
    .write_more = write_simulation_keys,
};

/* Everything a test holds open. */
typedef struct test {
    bt_load_settings settings;
    bt_option_sources sources;
    bt_machine machine;
    bt_config *config;
    bt_lock *lock;
    bt_log *log;
    bt_load_record *record;
    bt_ranks *ranks;   /* NULL: this process is alone */
    bt_spread *spread; /* rank 0's */
    char run_id[BT_RUN_ID_SIZE], folder[BT_PATH_SIZE];
    char command_line[BT_COMMAND_LINE_SIZE];
    const volatile sig_atomic_t *stop;
} test;

/* Servers have theirs: only one that was asked for is read. */
static bool needs_config(const test *t) {
    const int at = bt_options_find(command.table, command.count, "config");
    return !t->settings.endpoint[0] || t->sources.of[at] != BT_SOURCE_DEFAULT;
}

static bt_status read_config(test *t, bt_error *error) {
    if (t->settings.mpi && !t->settings.endpoint[0])
        return bt_fail(error, BT_INVALID,
                       "--mpi sends to servers, from several processes: give their --endpoint");
    bt_status status = needs_config(t) ? bt_config_load_flag(&t->config, t->settings.config, error) : BT_OK;
    return status == BT_OK ? bt_trial_check(&t->settings, &t->sources, t->config, error) : status;
}

/* Takes what must be had before anything is sent: the config, the outputs, the run's folder, the log. Two
 * tests at once would disturb each other. */
static bt_status prepare(test *t, bt_error *error) {
    char path[BT_PATH_SIZE];
    const bt_load_settings *s = &t->settings;
    bt_status status = read_config(t, error);
    if (status == BT_OK) status = bt_outputs_check(s->output, s->results, s->plots, error);
    if (status == BT_OK && t->settings.output[0]) {
        status = bt_file_check_writable(t->settings.output, error);
        if (status != BT_OK) return bt_fail_at(error, status, "--output");
    }
    if (status == BT_OK) status = bt_folder_make(t->settings.results, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/test-production.lock", t->settings.results);
    if (status == BT_OK) status = bt_lock_open(&t->lock, path, error);
    if (status == BT_OK)
        status = bt_folder_make_run(t->run_id, t->folder, t->settings.results, "test", error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/log.txt", t->folder);
    if (status == BT_OK)
        status = bt_log_open(&t->log, stderr, t->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, path, error);
    return status;
}

static bt_status leave_record(const test *t, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_path_join(path, error, "%s/record.json", t->folder);
    return status == BT_OK ? bt_load_record_save(t->record, path, error) : status;
}

static bt_status leave_report(const test *t, bt_load_format format, const char *name, const char *plots,
                              bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_path_join(path, error, "%s/%s", t->folder, name);
    if (status == BT_OK)
        status = bt_load_publish_file(t->record, format, bt_file_exists(plots) ? plots : NULL, path, error);
    return status;
}

/* The record, plots, and both reports, each whatever becomes of the others. */
static bt_status leave_results(const test *t, const char *plots, bt_error *error) {
    bt_error cause;
    bt_status status = leave_record(t, error);
    bt_keep_first(&status, error, bt_load_publish_plots(t->record, plots, t->log, &cause), &cause);
    bt_keep_first(&status, error, leave_report(t, BT_LOAD_FORMAT_MARKDOWN, "report.md", plots, &cause),
                  &cause);
    bt_keep_first(&status, error, leave_report(t, BT_LOAD_FORMAT_HTML, "report.html", plots, &cause), &cause);
    if (status != BT_OK) return status;
    bt_log_write(t->log, BT_LOG_INFO, "report %s/report.html", t->folder);
    bt_log_write(t->log, BT_LOG_INFO, "plots  %s", plots);
    return BT_OK;
}

static bt_status print(const test *t, const char *plots, bt_error *error) {
    const bt_load_format format = (bt_load_format)t->settings.format;
    if (!bt_file_exists(plots)) plots = NULL;
    if (t->settings.output[0])
        return bt_load_publish_file(t->record, format, plots, t->settings.output, error);
    return bt_command_printed(stdout,
                              bt_load_publish(t->record, format, plots, "./report.md", stdout, error));
}

/* What was tested is shown first, but for what shows pictures, which waits for them; then it is kept. */
static bt_status tell(const test *t, bt_error *error) {
    char plots[BT_PATH_SIZE];
    const int format = t->settings.format;
    const bool last = format == BT_LOAD_FORMAT_HTML || format == BT_LOAD_FORMAT_MARKDOWN;
    bt_error cause;
    bt_status status = bt_path_join(plots, error, "%s/%s", t->settings.plots, t->run_id);
    if (status != BT_OK) return status;
    if (!last) status = print(t, plots, error);
    bt_keep_first(&status, error, leave_results(t, plots, &cause), &cause);
    if (status == BT_OK) bt_results_index_refresh(t->settings.results, t->log);
    if (last) bt_keep_first(&status, error, print(t, plots, &cause), &cause);
    return status;
}

static bt_status run(test *t, int *code, bt_error *error) {
    bt_trial_options options = {
        .settings = &t->settings,
        .sources = &t->sources,
        .config = t->config,
        .machine = &t->machine,
        .command = t->command_line,
        .run_id = t->run_id,
        .log = t->log,
        .spread = t->spread,
        .stop = t->stop,
    };
    bt_log_write(t->log, BT_LOG_INFO, "run %s", t->folder);
    bt_status status = bt_trial_run(&t->record, &options, error);
    if (status != BT_OK) return status;
    *code = t->record->verdict_code;
    return tell(t, error);
}

/* ---- several processes ---- */

/* Rank 0 tests, the others send for it. */
static bt_status join(test *t, bt_error *error) {
    bt_status status = t->settings.mpi ? bt_ranks_open(&t->ranks, error) : BT_OK;
    if (status == BT_OK && t->ranks && bt_ranks_own(t->ranks) == 0)
        status = bt_spread_open(&t->spread, t->ranks, error);
    return status;
}

/* The line that repeats the test is one of mpirun. */
static void name_group(test *t) {
    char alone[sizeof t->command_line];
    if (!t->ranks || bt_ranks_count(t->ranks) < 2) return;
    memcpy(alone, t->command_line, sizeof alone);
    bt_text_format(t->command_line, sizeof t->command_line, "mpirun -n %d %s", bt_ranks_count(t->ranks),
                   alone);
}

/* All that another rank than 0 does. What fails is rank 0's to tell, unless that is gone. It ends well whatever comes:
 * mpirun takes a failure of one for the failure of all. */
static int assist(test *t) {
    bt_trial_options options = {.settings = &t->settings, .sources = &t->sources, .stop = t->stop};
    bt_error cause, error;
    bool all_alive;
    const bool able = read_config(t, &cause) == BT_OK;
    options.config = t->config;
    if (bt_trial_assist(&options, t->ranks, able ? NULL : &cause, &all_alive, &error) != BT_OK)
        fprintf(stderr, "%s: rank %d: %s\n", command.name, bt_ranks_own(t->ranks), error.message);
    bt_config_close(&t->config);
    bt_ranks_close(&t->ranks, all_alive);
    return BT_EXIT_GOOD;
}

int main(int argc, char **argv) {
    static test t; /* large: kept off the stack */
    bt_error error = {BT_OK, ""};
    command.table = bt_load_settings_table(&command.count);
    t.stop = bt_program_begin(BT_SIGNALS_STOP);
    int code = bt_command_start(&command, argc, argv, &t.settings, &t.sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = join(&t, &error);
    if (t.ranks && bt_ranks_own(t.ranks) > 0) return assist(&t);
    bt_machine_read(&t.machine);
    bt_cuda_fill_machine(&t.machine);
    if (status == BT_OK)
        status = bt_command_line(t.command_line, &command, argv[0], &t.settings, &t.sources, &error);
    name_group(&t);
    if (status == BT_OK) status = prepare(&t, &error);
    if (status == BT_OK) status = run(&t, &code, &error);
    if (status != BT_OK) code = bt_command_fail(&command, &error, stderr);
    /* What another program reads from standard output must not end in a verdict. */
    const bool for_people = !t.record || t.settings.output[0] || t.settings.format == BT_LOAD_FORMAT_TABLE;
    code = bt_command_finish(&command, stdout, stderr, !for_people, code);
    const bool all_alive = bt_spread_close(&t.spread);
    bt_load_record_close(&t.record);
    bt_config_close(&t.config);
    bt_log_close(&t.log);
    bt_lock_close(&t.lock);
    bt_ranks_close(&t.ranks, all_alive);
    return code;
}
