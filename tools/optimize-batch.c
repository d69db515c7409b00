/* optimize-batch: measures batch sizes, chooses, writes the config and shows why. The work is done by src/tune, what is
 * written by src/record and src/report; here they are put in order. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/sim.h"
#include "base/command.h"
#include "base/files.h"
#include "base/log.h"
#include "record/record.h"
#include "tune/optimize.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal_number) {
    (void)signal_number;
    stop = 1;
}

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "the config is written; a model that cannot keep the SLA is marked in it"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing"},
    {BT_EXIT_USAGE, "wrong usage or bad input; nothing was overwritten"},
    {BT_EXIT_BROKEN, "with --require-sla: a model has no batch size that keeps the SLA"},
    {BT_EXIT_INCONCLUSIVE, "nothing could be measured"},
    {BT_EXIT_INTERRUPTED, "interrupted; --resume goes on where it stopped"},
    {0, NULL},
};

static bt_command command = {
    .name = "optimize-batch",
    .summary = "Finds the batch size that serves the most under a P95 latency promise and a memory reserve, for each network, by\n"
               "measuring it on this machine. Writes the config that the service reads, a record of every sample, plots and a report.",
    .usage = "[options]",
    .examples = "  optimize-batch                                    tune both networks here\n"
                "  optimize-batch --models hrnet --p95-sla-ms 50     one network, a stricter promise\n"
                "  optimize-batch --objective throughput             the most images, whatever the latency within the SLA\n"
                "  optimize-batch --resume                           go on with a run that was cut off\n"
                "  optimize-batch --backend sim:tau0_ms=4,alpha_ms=2 --batches 1,2,4,8,16\n"
                "                                                    a try-out in seconds, without libtorch\n",
    .exits = exits,
    .table = bt_settings_table,
};

/* Everything a run holds open. */
typedef struct optimization {
    bt_settings settings;
    bt_option_sources sources;
    bt_machine machine;
    bt_lock *lock;
    bt_run *run;
    bt_log *log;
    bt_record *record;
    char command_line[1024];
    char worker_program[BT_PATH_SIZE];
} optimization;

/* Flags are in; adds the config file's and the profile's settings, and settles what "auto" means here. */
static bt_status settle(optimization *o, bt_error *error) {
    bt_status status = bt_settings_read_config(&o->settings, &o->sources, error);
    if (status != BT_OK) return status;
    bt_machine_read(&o->machine);
    bool on_cpu = o->machine.gpu[0] == '\0' || strcmp(o->settings.device, "cpu") == 0;
    const char *profile = o->settings.profile;
    if (profile[0] == '\0' && on_cpu && strncmp(o->settings.backend, "sim", 3) != 0) profile = "cpu-demo";
    if (profile[0]) status = bt_settings_read_profile(&o->settings, &o->sources, profile, error);
    if (status == BT_OK) status = bt_optimize_resolve(&o->settings, &o->machine, error);
    return status;
}

/* Takes what must be had before anything is measured: the outputs, the run's folder, the log. */
static bt_status prepare(optimization *o, bt_error *error) {
    char path[BT_PATH_SIZE], program[BT_PATH_SIZE];
    bt_status status = bt_file_check_writable(o->settings.output, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--output");
    status = bt_path_join(path, error, "%s.lock", o->settings.output);
    if (status == BT_OK) status = bt_lock_open(&o->lock, path, error);
    if (status == BT_OK) status = bt_path_of_program(program, error);
    if (status == BT_OK) status = bt_path_join(o->worker_program, error, "%s/probe-worker", program);
    if (status == BT_OK) status = bt_optimize_open_run(&o->run, &o->settings, &o->machine, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/log.txt", bt_run_folder(o->run));
    if (status == BT_OK)
        status = bt_log_open(&o->log, stderr, o->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, path, error);
    return status;
}

int main(int argc, char **argv) {
    optimization o = {0};
    bt_error error = {BT_OK, ""};
    command.count = bt_settings_count;
    int code = bt_command_start(&command, argc, argv, &o.settings, &o.sources, stdout, stderr);
    if (code >= 0) return code;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    bt_status status = settle(&o, &error);
    if (status == BT_OK) status = prepare(&o, &error);
    bt_optimize_options options = {.settings = &o.settings, .sources = &o.sources, .machine = &o.machine, .command = "x", .worker_program = o.worker_program, .run = o.run, .log = o.log, .stop = &stop};
    if (status == BT_OK) status = bt_optimize(&o.record, &options, &error);
    if (status == BT_OK) { json_t *j; if (bt_record_to_json(o.record, &j, &error) == BT_OK) { json_dumpf(j, stdout, JSON_INDENT(1)); json_decref(j);} }
    code = status == BT_OK ? 0 : bt_command_fail(&command, &error, stderr);
    bt_record_close(&o.record);
    bt_log_close(&o.log);
    bt_run_close(&o.run);
    bt_lock_close(&o.lock);
    return bt_command_finish(&command, stdout, stderr, code);
}
