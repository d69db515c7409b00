/* optimize-batch: measures batch sizes, chooses, writes the config and shows why. The work is done by
 * src/tune, what is written by src/record and src/report; here they are put in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "backend/sim.h"
#include "base/command.h"
#include "base/files.h"
#include "base/log.h"
#include "base/program.h"
#include "base/text.h"
#include "export/triton.h"
#include "ranks/ranks.h"
#include "record/config.h"
#include "record/sweep-record.h"
#include "report/results-index.h"
#include "report/sweep-publish.h"
#include "tune/crew.h"
#include "tune/optimize.h"
#include "tune/resolve.h"

/* The worst of what was shown of the models; that an SLA is broken is a failure where --require-sla says
 * so. */
static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "every model has a batch size that is shown to keep the SLA; the config is written"},
    {BT_EXIT_GOOD, "a model is shown to have none, and its entry in the config is marked so; or none is "
                   "predicted to hold --rate"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing"},
    {BT_EXIT_USAGE,
     "wrong usage, bad input, or a measured entry would give way to less; nothing was overwritten"},
    {BT_EXIT_BROKEN, "with --require-sla: a model is shown to have no batch size that keeps the SLA, or "
                     "predicted to hold no --rate"},
    {BT_EXIT_INCONCLUSIVE,
     "of a model nothing is shown: time ran out, or it could not be measured; provisional"},
    {BT_EXIT_INTERRUPTED, "interrupted; --resume goes on where it stopped"},
    {0, NULL},
};

static const char broken_word[] = "sla-broken";

static const char *const exit_words[] = {"good",       "sla-broken",   "failed",     "bad-input",
                                         "sla-broken", "inconclusive", "interrupted"};

static void write_simulation_keys(FILE *out) {
    fputs("\nKeys of --backend sim:KEY=VALUE,...:\n", out);
    bt_sim_help(out);
}

static bt_command command = {
    .name = "optimize-batch",
    .summary = "Finds the batch size that serves the most under a P95 latency promise and a memory reserve, "
               "for each\n"
               "network, by measuring it on this machine. Writes the config that the service reads, a record "
               "of every\n"
               "sample, plots and a report.",
    .prints = "the report",
    .usage = "[options]",
    .examples =
        "  optimize-batch                                    tune both networks here\n"
        "  optimize-batch --models hrnet --p95-sla-ms 50     one network, a stricter promise\n"
        "  optimize-batch --objective throughput             the most images, whatever the latency within "
        "the SLA\n"
        "  optimize-batch --model-file mine=net.pt           a network of your own, as TorchScript\n"
        "  optimize-batch --model-file mine=net.onnx         or as ONNX\n"
        "  optimize-batch --model-file 'mine=net-{batch}.pt2'\n"
        "                                                    the same, compiled by AOTInductor for each "
        "batch size\n"
        "  optimize-batch --resume                           go on with a run that was cut off\n"
        "  optimize-batch --backend sim:tau0_ms=4,alpha_ms=2 --batches 1,2,4,8,16\n"
        "                                                    a try-out in seconds, without libtorch\n"
        "  mpirun -n 4 --bind-to none --enable-recovery optimize-batch --mpi\n"
        "                                                    four processes share the measuring\n",
    .exits = exits,
    .exit_words = exit_words,
    .table = bt_settings_table,
    .write_more = write_simulation_keys,
};

/* Everything a run holds open. */
typedef struct optimization {
    bt_settings settings;
    bt_option_sources sources;
    bt_machine machine;
    bt_lock *lock;
    bt_run *run;
    bt_log *log;
    bt_ranks *ranks; /* that measure together, and what they have measured; NULL: none */
    bt_crew *crew;
    bt_config *before; /* the config file as it was; NULL where there was none */
    bt_record *record;
    bt_resolved_model models[BT_NAMES_MAX]; /* of settings.models */
    char images[BT_TEXT_SIZE];
    char command_line[BT_COMMAND_LINE_SIZE];
    char worker_program[BT_PATH_SIZE];
    const volatile sig_atomic_t *stop;
} optimization;

/* Whether this is a rank that measures for rank 0: it prints and writes nothing. */
static bool is_helper(const optimization *o) {
    return o->ranks && bt_ranks_own(o->ranks) > 0;
}

/* What this rank measures on, of what its host has: a GPU, or a slice of the cores. Of a simulation, nothing. */
static bt_status take_share(optimization *o, bt_error *error) {
    if (!o->ranks || bt_backend_simulates(o->settings.backend)) return BT_OK;
    bt_crew_take_device(o->ranks, o->settings.device, sizeof o->settings.device, o->machine.gpu[0] != '\0');
    if (bt_crew_take_slice(o->ranks) > 0) return BT_OK;
    return bt_fail(error, BT_UNSUPPORTED, "the other ranks of its host have all the CPUs");
}

/* Flags are in; adds the config file's and the profile's settings, and resolves what "auto" means here. */
static bt_status resolve(optimization *o, bt_error *error) {
    bt_status status = bt_settings_read_config(&o->settings, &o->sources, error);
    if (status != BT_OK) return status;
    bt_machine_read(&o->machine);
    bt_cuda_fill_machine(&o->machine);
    status = take_share(o, error);
    char *profile = o->settings.profile;
    if (profile[0] == '\0' && bt_resolve_on_cpu(&o->settings, &o->machine))
        snprintf(profile, sizeof o->settings.profile, "cpu-demo");
    if (profile[0] && status == BT_OK)
        status = bt_settings_read_profile(&o->settings, &o->sources, profile, error);
    if (status == BT_OK && !is_helper(o))
        status = bt_log_open(&o->log, stderr, o->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, NULL, error);
    if (status == BT_OK)
        status =
            bt_resolve_settings(&o->settings, &o->sources, &o->machine, o->models, o->images, o->log, error);
    return status;
}

/* Figures that say less take no entry's place unasked: it cost a measuring, and services may run by it. */
static bt_status check_replace(const optimization *o, bt_error *error) {
    const bt_settings *s = &o->settings;
    if (s->force) return BT_OK;
    return bt_config_check_replace(o->before, s->output, &s->models, bt_resolve_workload(s),
                                   (int)s->image_size, error);
}

static bt_status find_worker(optimization *o, bt_error *error) {
    char program[BT_PATH_SIZE];
    bt_status status = bt_path_of_program(program, error);
    return status == BT_OK ? bt_path_join(o->worker_program, error, "%s/probe-worker", program) : status;
}

/* Takes what must be had before anything is measured: the outputs, the run's folder, the log. */
static bt_status prepare(optimization *o, bt_error *error) {
    char path[BT_PATH_SIZE];
    const bt_settings *s = &o->settings;
    bt_status status = bt_outputs_check(s->output, s->results, s->plots, error);
    if (status != BT_OK) return status;
    status = bt_file_check_writable(o->settings.output, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s.lock", o->settings.output);
    if (status == BT_OK) status = bt_lock_open(&o->lock, path, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--output");
    if (bt_file_exists(o->settings.output)) status = bt_config_load(&o->before, o->settings.output, error);
    if (status == BT_OK) status = check_replace(o, error);
    if (status == BT_OK) status = find_worker(o, error);
    if (status == BT_OK) status = bt_optimize_open_run(&o->run, &o->settings, &o->machine, error);
    if (status == BT_OK && o->ranks && bt_ranks_count(o->ranks) > 1)
        status = bt_crew_open(&o->crew, o->ranks, bt_run_folder(o->run), error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/log.txt", bt_run_folder(o->run));
    bt_log_close(&o->log); /* that without a file */
    if (status == BT_OK)
        status = bt_log_open(&o->log, stderr, o->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, path, error);
    return status;
}

static void log_start(const optimization *o) {
    if (strcmp(bt_resolve_workload(&o->settings), "cpu-demo") == 0)
        bt_log_write(
            o->log, BT_LOG_INFO,
            "this is a demonstration on the CPU, with images of %lld px and an SLA of %g ms (profile %s)",
            (long long)o->settings.image_size, o->settings.p95_sla_ms, o->settings.profile);
    /* What other ranks measured is in the run's journal only as far as the run has asked for it. */
    const int of_ranks = bt_pool_count(bt_crew_pool(o->crew)), lines = bt_run_lines_left(o->run);
    if (lines > 0 || of_ranks > 0)
        bt_log_write(o->log, BT_LOG_INFO, "going on with %s: %d steps are measured already",
                     bt_run_id(o->run), lines > of_ranks ? lines : of_ranks);
    else if (o->settings.resume)
        bt_log_write(o->log, BT_LOG_INFO, "nothing to resume in %s: starting anew", o->settings.results);
    bt_log_write(o->log, BT_LOG_INFO, "run %s; Ctrl-C stops, --resume goes on", bt_run_folder(o->run));
}

static bool interrupted(const bt_record *record) {
    for (int i = 0; i < record->model_count; i++)
        if (record->models[i].interrupted) return true;
    return bt_program_stopped();
}

static bool any_is(const bt_record *record, bt_sla_state state) {
    for (int i = 0; i < record->model_count; i++)
        if (bt_model_sla_state(&record->models[i]) == state) return true;
    return false;
}

static int judge(const optimization *o) {
    const bt_record *record = o->record;
    if (interrupted(record)) return BT_EXIT_INTERRUPTED;
    if (o->settings.require_sla && any_is(record, BT_SLA_BROKEN)) return BT_EXIT_BROKEN;
    return any_is(record, BT_SLA_NOT_SHOWN) ? BT_EXIT_INCONCLUSIVE : BT_EXIT_GOOD;
}

/* "good" is said of what keeps its promise alone, also where nobody asked for the other to be a failure. */
static const char *verdict_of(const optimization *o, int code) {
    bool broken = code == BT_EXIT_GOOD && o->record && any_is(o->record, BT_SLA_BROKEN);
    return broken ? broken_word : bt_exit_name(code);
}

/* The config file, merged into what is there. Where that changes nothing the .bak stays what it is, too. */
static bt_status write_config(const optimization *o, bool *written, bt_error *error) {
    json_t *after = NULL;
    bt_status status = bt_config_from_record(&after, o->record, o->before, error);
    *written = status == BT_OK && !(o->before && json_equal(after, o->before->json));
    if (*written)
        status = bt_config_keep_calibrations(o->record, bt_run_folder(o->run), o->settings.output, error);
    if (*written && status == BT_OK) status = bt_config_save(after, o->settings.output, error);
    json_decref(after);
    return status;
}

static bt_status log_config(const optimization *o, bool written, bt_error *error) {
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    if (!out) return bt_no_memory(error, "a line of the log");
    bt_text_shell_word(o->settings.output, out);
    if (!written) {
        fputs(" stays as it was", out);
    } else if (o->before) {
        char kept[BT_OPTION_TEXT_SIZE + 8];
        snprintf(kept, sizeof kept, "%s.bak", o->settings.output);
        fputs("; back to the one before: cp ", out);
        bt_text_shell_word(kept, out);
        fputc(' ', out);
        bt_text_shell_word(o->settings.output, out);
    }
    const bool told = fclose(out) == 0;
    if (told) bt_log_write(o->log, BT_LOG_INFO, "config %s", line);
    free(line);
    return told ? BT_OK : bt_no_memory(error, "a line of the log");
}

static void note_changes(optimization *o) {
    o->record->change_count = bt_config_changes(o->before, o->record, o->record->changes);
    const bt_config_model *entry = o->before ? bt_config_find(o->before, o->record->models[0].model) : NULL;
    if (entry) snprintf(o->record->previous_run, sizeof o->record->previous_run, "%s", entry->run_id);
}

static bt_status path_in_run(char path[BT_PATH_SIZE], const optimization *o, const char *name,
                             bt_error *error) {
    return bt_path_join(path, error, "%s/%s", bt_run_folder(o->run), name);
}

static bt_status write_record(const optimization *o, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = path_in_run(path, o, "record.json", error);
    return status == BT_OK ? bt_record_save(o->record, path, error) : status;
}

static bt_status write_report(const optimization *o, bt_format format, const char *name, const char *plots,
                              bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = path_in_run(path, o, name, error);
    if (status == BT_OK)
        status = bt_sweep_publish_file(o->record, format, bt_file_exists(plots) ? plots : NULL, path, error);
    return status;
}

/* The pictures, and what shows them. */
static bt_status write_reports(const optimization *o, const char *plots, bt_error *error) {
    bt_error cause;
    bt_status status = bt_sweep_publish_plots(o->record, plots, o->log, error);
    bt_keep_first(&status, error, write_report(o, BT_FORMAT_MARKDOWN, "report.md", plots, &cause), &cause);
    bt_keep_first(&status, error, write_report(o, BT_FORMAT_HTML, "report.html", plots, &cause), &cause);
    return status;
}

/* What was just written, and what the file had besides. */
static bt_status export(const optimization *o, bt_error *error) {
    static const bt_names all;
    bt_config *config = NULL;
    if (!o->settings.export_triton[0]) return BT_OK;
    bt_status status = bt_config_load(&config, o->settings.output, error);
    if (status == BT_OK)
        status = bt_triton_export(config, &all, o->settings.export_triton, true, NULL, error);
    if (status == BT_OK) bt_log_write(o->log, BT_LOG_INFO, "Triton %s", o->settings.export_triton);
    bt_config_close(&config);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--export-triton");
}

/* Everything that a run leaves, each whatever becomes of the others, then the closing line of its journal:
 * from there on there is nothing to resume. */
static bt_status write_results(const optimization *o, int code, const char *plots, bt_error *error) {
    bool written = false;
    bt_error cause;
    bt_status status = write_record(o, error);
    if (code == BT_EXIT_INTERRUPTED) return status; /* the config stays as it was */
    bt_status config = write_config(o, &written, &cause);
    bt_keep_first(&status, error, config, &cause);
    bt_keep_first(&status, error, write_reports(o, plots, &cause), &cause);
    if (config == BT_OK) bt_keep_first(&status, error, export(o, &cause), &cause);
    if (status == BT_OK) status = bt_run_finish(o->run, error);
    if (config == BT_OK) bt_keep_first(&status, error, log_config(o, written, &cause), &cause);
    if (status != BT_OK) return status;
    bt_log_write(o->log, BT_LOG_INFO, "report %s/report.html", bt_run_folder(o->run));
    bt_log_write(o->log, BT_LOG_INFO, "plots  %s", plots);
    return status;
}

/* A page holds its pictures; what else is printed shows none. */
static bt_status print(const optimization *o, const char *plots, bt_error *error) {
    const bt_format format = (bt_format)o->settings.format;
    const bool page = format == BT_FORMAT_HTML && bt_file_exists(plots);
    return bt_command_printed(
        stdout, bt_sweep_publish(o->record, format, page ? plots : NULL, "./report.md", stdout, error));
}

/* What was measured is shown first, but for a page, which waits for its pictures; then it is kept. */
static bt_status tell(optimization *o, int code, bt_error *error) {
    char plots[BT_PATH_SIZE];
    const bool last = o->settings.format == BT_FORMAT_HTML;
    bt_error cause;
    o->record->verdict_code = code;
    snprintf(o->record->verdict, sizeof o->record->verdict, "%s", verdict_of(o, code));
    if (code != BT_EXIT_INTERRUPTED) note_changes(o);
    bt_status status = bt_path_join(plots, error, "%s/%s", o->settings.plots, bt_run_id(o->run));
    if (status != BT_OK) return status;
    if (!last) status = print(o, plots, error);
    bt_keep_first(&status, error, write_results(o, code, plots, &cause), &cause);
    if (status == BT_OK) bt_results_index_refresh(o->settings.results, o->log);
    if (last) bt_keep_first(&status, error, print(o, plots, &cause), &cause);
    return status;
}

static bt_optimize_options options_of(const optimization *o) {
    return (bt_optimize_options){
        .settings = &o->settings,
        .sources = &o->sources,
        .machine = &o->machine,
        .models = o->models,
        .images = o->images,
        .command = o->command_line,
        .worker_program = o->worker_program,
        .run = o->run,
        .crew = o->crew,
        .log = o->log,
        .stop = o->stop,
    };
}

static bt_status run(optimization *o, int *code, bt_error *error) {
    const bt_optimize_options options = options_of(o);
    log_start(o);
    bt_status status = bt_optimize(&o->record, &options, error);
    if (status == BT_INVALID || status == BT_UNSUPPORTED) {
        bt_error ignored; /* nothing was measured, nor would it be on another try: leave nothing to resume */
        if (bt_run_finish(o->run, &ignored) != BT_OK) return status;
    }
    if (status != BT_OK) return status;
    *code = judge(o);
    return tell(o, *code, error);
}

/* A rank that measures for rank 0, to whom it tells what goes wrong here. It ends well whatever comes: mpirun takes a
 * failure of one for the failure of all. */
static int help(optimization *o) {
    bt_error error = {BT_OK, ""};
    bool all_alive = false;
    bt_status status = resolve(o, &error);
    if (status == BT_OK) status = find_worker(o, &error);
    const bt_optimize_options options = options_of(o);
    const char *trouble = status == BT_OK ? "" : error.message;
    if (bt_crew_serve(o->ranks, &options, trouble, &all_alive, &error) != BT_OK) all_alive = false;
    bt_ranks_close(&o->ranks, all_alive);
    return BT_EXIT_GOOD;
}

/* Whatever became of the run, the other ranks are told that it is over. */
static void leave(optimization *o) {
    bt_crew_close(&o->crew);
    if (o->ranks) bt_ranks_close(&o->ranks, bt_crew_dismiss(o->ranks));
}

int main(int argc, char **argv) {
    static optimization o; /* large: kept off the stack */
    bt_error error = {BT_OK, ""};
    command.count = bt_settings_count;
    o.stop = bt_program_begin(BT_SIGNALS_STOP);
    int code = bt_command_start(&command, argc, argv, &o.settings, &o.sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = o.settings.mpi ? bt_ranks_open(&o.ranks, &error) : BT_OK;
    if (is_helper(&o)) return help(&o);
    if (status == BT_OK) status = resolve(&o, &error);
    if (status == BT_OK)
        status = bt_command_line(o.command_line, &command, argv[0], &o.settings, &o.sources, &error);
    if (status == BT_OK) status = prepare(&o, &error);
    if (status == BT_OK) status = run(&o, &code, &error);
    if (status != BT_OK) code = bt_command_fail(&command, &error, stderr);
    /* What another program reads from standard output must not end in a verdict. */
    const bool for_people = !o.record || o.settings.format == BT_FORMAT_TABLE;
    code = bt_command_finish_as(&command, stdout, stderr, !for_people, code,
                                status == BT_OK ? verdict_of(&o, code) : bt_exit_name(code));
    leave(&o);
    bt_config_close(&o.before);
    bt_record_close(&o.record);
    bt_log_close(&o.log);
    bt_run_close(&o.run);
    bt_lock_close(&o.lock);
    return code;
}
