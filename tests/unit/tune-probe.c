/* The prober with real workers on the simulated backend, and with scripts that stand in for worse ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/files.h"
#include "demo-session.h"
#include "expect.h"
#include "image/encode.h"
#include "scratch.h"
#include "tune/probe.h"
#include "tune/protocol.h"

#define LOG     "worker.txt"
#define PATIENT 120 /* seconds: no machine is that slow */

static char real_worker[BT_PATH_SIZE];

/* ---- probes ---- */

static bt_probe_options options_for(const char *program, const char *backend) {
    return (bt_probe_options){.worker_program = program,
                              .instances = 1,
                              .worker_log = LOG,
                              .session = demo_session(backend, "hrnet", BT_PATH_PRODUCTION, 32),
                              .full_size = 64,
                              .seed = 1,
                              .answer_within_s = PATIENT};
}

static bt_probe *open_probe(const bt_probe_options *options) {
    bt_probe *probe;
    bt_error error;
    if (bt_probe_open(&probe, options, &error)) fail_msg("%s", error.message);
    return probe;
}

static bt_probe *open_sim(const char *backend) {
    bt_probe_options options = options_for(real_worker, backend);
    return open_probe(&options);
}

static bt_step_result run_step(bt_probe *probe, bt_step_kind kind, int batch_size, int runs) {
    const bt_step step = {kind, batch_size, runs};
    bt_step_result result;
    bt_error error;
    if (bt_probe_run(probe, &step, &result, &error)) fail_msg("%s", error.message);
    return result;
}

/* Neither a child that runs nor one that waits to be collected. */
static void assert_no_child_is_left(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* A session that computes runs on the pictures: where they are none, its steps say so. */
static void a_worker_runs_on_a_folders_pictures(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* a whole network takes minutes there, and the worker would be given up as silent */
#endif
    static const uint8_t pixels[4] = {0, 80, 160, 240};
    bt_probe_options options = options_for(real_worker, "plan");
    bt_worker_facts facts;
    bt_error error;
    options.images = "plates";
    bt_probe *probe = open_probe(&options);
    bt_status status = bt_probe_start(probe, &facts, &error);
    if (status == BT_UNSUPPORTED) skip(); /* no oneDNN, or no AVX2 */
    if (status != BT_OK) fail_msg("%s", error.message);
    bt_step_result result = run_step(probe, BT_STEP_AGREEMENT, 1, 1);
    assert_int_equal(result.status, BT_IO);
    says(result.message, "plates: No such file");
    bt_probe_close(&probe);
    assert_int_equal(mkdir("plates", 0755), 0);
    assert_int_equal(bt_png_save("plates/1.png", pixels, 2, 2, 1, &error), BT_OK);
    probe = open_probe(&options);
    result = run_step(probe, BT_STEP_AGREEMENT, 2, 1);
    if (result.status != BT_OK) fail_msg("%s", result.message);
    assert_true(result.mask_iou > 0.9);
    result = run_step(probe, BT_STEP_DELIVER, 1, 2);
    if (result.status != BT_OK) fail_msg("%s", result.message);
    assert_int_equal(result.sample_count, 2);
    bt_probe_close(&probe);
}

/* ---- steps ---- */

static void the_facts_are_the_sessions(void **state) {
    (void)state;
    bt_probe *probe = open_sim("sim:tau0_ms=1,memory_total_mb=1000");
    bt_worker_facts facts = {0};
    bt_error error;
    assert_no_child_is_left(); /* none is started before it is needed */
    if (bt_probe_start(probe, &facts, &error)) fail_msg("%s", error.message);
    assert_string_equal(facts.info.backend, "sim");
    assert_string_equal(facts.info.backend_detail, "sim:tau0_ms=1,memory_total_mb=1000");
    assert_string_equal(facts.info.device, "simulated");
    assert_false(facts.info.computes_masks);
    assert_true(facts.total_memory_bytes == (int64_t)1000 << 20);
    if (bt_probe_start(probe, &facts, &error)) fail_msg("%s", error.message); /* anew */
    bt_probe_close(&probe);
    assert_null(probe);
    bt_probe_close(&probe);
    assert_no_child_is_left();
}

static void each_kind_of_step_brings_what_it_asks_for(void **state) {
    (void)state;
    int files = bt_scratch_open_files();
    bt_probe *probe = open_sim("sim:tau0_ms=2,alpha_ms=1,noise=0,memory_mb=100,memory_per_image_mb=30");
    bt_step_result memory = run_step(probe, BT_STEP_MEMORY, 4, 1);
    assert_int_equal(memory.status, BT_OK);
    assert_float_equal(memory.memory_mb, 220, 1e-3);
    assert_int_equal(memory.sample_count, 0);

    bt_step_result measured = run_step(probe, BT_STEP_MEASURE, 4, 5);
    assert_int_equal(measured.status, BT_OK);
    assert_int_equal(measured.sample_count, 5);
    for (int i = 0; i < 5; i++)
        assert_true(measured.samples_ms[i] >= 6); /* and more, where the machine is busy */
    assert_true(measured.elapsed_s >= 5 * 0.006);
    assert_true(isnan(measured.memory_mb));

    assert_int_equal(run_step(probe, BT_STEP_STANDARD, 1, 3).sample_count, 3);
    assert_float_equal(run_step(probe, BT_STEP_FRESH_MEMORY, 2, 1).memory_mb, 160, 1e-3); /* below 4's mark */
    assert_float_equal(run_step(probe, BT_STEP_STANDARD_MEMORY, 1, 1).memory_mb, 130, 1e-3);
    assert_int_equal(run_step(probe, BT_STEP_FULL_SIZE, 1, 1).sample_count, 1);
    const bt_step_kind around[] = {BT_STEP_PREPARE, BT_STEP_DELIVER};
    for (int i = 0; i < 2; i++) {
        const bt_step_result handled = run_step(probe, around[i], 1, 3);
        assert_int_equal(handled.status, BT_OK);
        assert_int_equal(handled.sample_count, 3);
        for (int j = 0; j < 3; j++)
            assert_true(handled.samples_ms[j] > 0);
    }
    assert_int_equal(run_step(probe, BT_STEP_IDLE, 1, 6).sample_count, 0); /* a simulation that never idles */
    bt_probe_close(&probe);
    assert_no_child_is_left();
    assert_int_equal(bt_scratch_open_files(), files);
}

/* 1 ms a run, and 50 more after a pause of 200. */
static void runs_after_pauses_take_what_they_take(void **state) {
    (void)state;
    bt_probe *probe = open_sim("sim:tau0_ms=1,alpha_ms=0,noise=0,idle_ms=50");
    const bt_step_result result = run_step(probe, BT_STEP_IDLE, 1, 6);
    assert_int_equal(result.status, BT_OK);
    assert_int_equal(result.sample_count, 6);
    for (int i = 0; i < 6; i += 3) {
        assert_true(result.samples_ms[i] >= 1);
        assert_true(result.samples_ms[i + 1] >= 1 + 5);
        assert_true(result.samples_ms[i + 2] >= 1 + 50);
    }
    assert_true(result.elapsed_s > 0.44);
    bt_probe_close(&probe);
}

/* ---- two models in one worker ---- */

#define ALONE_MS  8.0
#define SLOWDOWN  3.0
#define SWITCH_MS 30.0

static bt_probe_options neighbour;

/* Each has so many instances, and is slowed by the other. */
static bt_probe *open_pair(const char *backend, int instances) {
    bt_probe_options options = options_for(real_worker, backend);
    options.session.threads = 1;
    options.instances = instances;
    neighbour = options;
    neighbour.session.model = "cbam_resunet";
    options.neighbour = &neighbour;
    options.neighbour_batch_size = 2;
    return open_probe(&options);
}

static double greatest_of(const bt_step_result *result) {
    double greatest_ms = 0;
    for (int i = 0; i < result->sample_count; i++)
        greatest_ms = fmax(greatest_ms, result->samples_ms[i]);
    return greatest_ms;
}

/* With an instance each they share whatever there is: only turns happen. */
static void models_that_take_turns_are_measured_by_turns(void **state) {
    (void)state;
    bt_probe *probe = open_pair("sim:tau0_ms=8,alpha_ms=0,noise=0,neighbour=3,switch_ms=30", 1);
    const bt_step_result beside = run_step(probe, BT_STEP_BESIDE, 1, 4),
                         turns = run_step(probe, BT_STEP_TURNS, 1, 6);
    double least_ms = INFINITY;
    assert_int_equal(beside.status, BT_OK);
    assert_true(beside.sample_count == 0 && beside.beside == 0);
    assert_int_equal(turns.status, BT_OK);
    assert_int_equal(turns.sample_count, 6);
    for (int i = 0; i < 6; i += 2) {
        assert_true(turns.samples_ms[i] >= ALONE_MS + SWITCH_MS);
        least_ms = fmin(least_ms, turns.samples_ms[i + 1]);
    }
    assert_true(least_ms >= ALONE_MS && least_ms < ALONE_MS + SWITCH_MS);
    bt_probe_close(&probe);
}

/* On cores of their own, one of each runs at a time, and slows the other as long as it does. */
static void models_on_cores_of_their_own_are_measured_side_by_side(void **state) {
    (void)state;
    if (bt_cores_count() < 2) skip();
    bt_probe *probe = open_pair("sim:tau0_ms=8,alpha_ms=0,noise=0,neighbour=3,switch_ms=30", 2);
    const bt_step_result alone = run_step(probe, BT_STEP_MEASURE, 1, 8),
                         beside = run_step(probe, BT_STEP_BESIDE, 1, 8),
                         turns = run_step(probe, BT_STEP_TURNS, 1, 4);
    assert_int_equal(alone.sample_count, 8);
    assert_int_equal(beside.status, BT_OK);
    assert_true(beside.sample_count == 8 && beside.beside == 1);
    assert_true(greatest_of(&beside) >= 0.95 * SLOWDOWN * ALONE_MS);
    assert_int_equal(turns.sample_count, 4);
    bt_probe_close(&probe);
}

/* Where nothing is to be found nothing is run, and without a neighbour there is nothing to ask. */
static void models_that_nothing_slows_are_not_measured(void **state) {
    (void)state;
    bt_probe *probe = open_pair("sim:tau0_ms=8,alpha_ms=0,noise=0", 1);
    assert_int_equal(run_step(probe, BT_STEP_TURNS, 1, 4).sample_count, 0);
    assert_int_equal(run_step(probe, BT_STEP_BESIDE, 1, 4).sample_count, 0);
    bt_probe_close(&probe);
    probe = open_sim("sim:tau0_ms=8,neighbour=3");
    const bt_step_result result = run_step(probe, BT_STEP_TURNS, 1, 4);
    assert_int_equal(result.status, BT_INVALID);
    says(result.message, "no neighbour is open");
    bt_probe_close(&probe);
}

/* ---- what goes wrong in a step ---- */

static void a_crash_costs_its_point_and_the_next_step_finds_a_worker(void **state) {
    (void)state;
    int files = bt_scratch_open_files();
    bt_probe *probe = open_sim("sim:tau0_ms=1,alpha_ms=0,noise=0,crash_at=4");
    assert_int_equal(run_step(probe, BT_STEP_MEASURE, 2, 3).status, BT_OK);
    for (int i = 0; i < 2; i++) {
        bt_step_result crashed = run_step(probe, BT_STEP_MEMORY, 4, 1);
        assert_int_equal(crashed.status, BT_CLOSED);
        says(crashed.message, "killed (SIGKILL)");
        assert_int_equal(crashed.sample_count, 0);
        assert_no_child_is_left();
        bt_step_result after = run_step(probe, BT_STEP_MEASURE, 2, 3);
        assert_int_equal(after.status, BT_OK);
        assert_int_equal(after.sample_count, 3);
    }
    assert_int_equal(run_step(probe, BT_STEP_FRESH_MEMORY, 4, 1).status, BT_CLOSED); /* in one of its own */
    assert_int_equal(run_step(probe, BT_STEP_FRESH_MEMORY, 2, 1).status, BT_OK);
    bt_probe_close(&probe);
    assert_no_child_is_left();
    assert_int_equal(bt_scratch_open_files(), files);
}

static void running_out_of_memory_leaves_the_worker(void **state) {
    (void)state;
    bt_probe *probe = open_sim("sim:tau0_ms=1,alpha_ms=0,noise=0,oom_at=4");
    bt_step_result refused = run_step(probe, BT_STEP_MEMORY, 4, 1);
    assert_int_equal(refused.status, BT_OUT_OF_DEVICE_MEMORY);
    says(refused.message, "batch of 4");
    assert_true(isnan(refused.memory_mb));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* a child, and it runs */
    assert_int_equal(run_step(probe, BT_STEP_MEASURE, 2, 3).sample_count, 3);
    bt_probe_close(&probe);
}

static void a_failing_run_fails_its_step_only(void **state) {
    (void)state;
    bt_probe *probe = open_sim("sim:tau0_ms=0,alpha_ms=0,fail_every=20");
    int good = 0, failed = 0;
    for (int i = 0; i < 20; i++) {
        bt_step_result result = run_step(probe, BT_STEP_MEASURE, 2, 3);
        good += result.status == BT_OK;
        failed += result.status == BT_BACKEND && strstr(result.message, "fail_every");
    }
    assert_int_equal(good + failed, 20);
    assert_in_range(failed, 1, 10);
    bt_probe_close(&probe);
}

static void a_worker_that_hangs_is_given_up(void **state) {
    (void)state;
    bt_probe_options options = options_for(real_worker, "sim:tau0_ms=600000");
    options.answer_within_s = 2; /* its start has to come in as well */
    bt_probe *probe = open_probe(&options);
    bt_step_result result = run_step(probe, BT_STEP_MEASURE, 1, 1);
    assert_int_equal(result.status, BT_TIMEOUT);
    says(result.message, "silent for 2 s");
    assert_true(result.elapsed_s >= 2 && result.elapsed_s < PATIENT);
    assert_no_child_is_left();
    bt_probe_close(&probe);
}

/* ---- stopping ---- */

static volatile sig_atomic_t stop;
static volatile int64_t stopped_ns;

static void set_stop(int signal_number) {
    (void)signal_number;
    stopped_ns = bt_clock_now_ns();
    stop = 1;
}

/* A probe that `stop` interrupts; it is not set yet. */
static bt_probe *open_stoppable(const char *backend) {
    bt_probe_options options = options_for(real_worker, backend);
    options.stop = &stop;
    stop = 0;
    return open_probe(&options);
}

/* How long after an interrupt bt_probe_run comes back; the step would take ten minutes. */
static double stopping_ms(void) {
    bt_probe *probe = open_stoppable("sim:tau0_ms=600000");
    bt_error error;
    bt_step_result result;
    if (bt_probe_start(probe, NULL, &error)) fail_msg("%s", error.message);
    struct sigaction action = {.sa_handler = set_stop}, before;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 150000}}, NULL);
    bt_status status = bt_probe_run(probe, &(bt_step){BT_STEP_MEASURE, 1, 1}, &result, &error);
    double taken_ms = bt_ms(bt_clock_now_ns() - stopped_ns);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(stop, 1);
    assert_int_equal(status, BT_CLOSED);
    assert_no_child_is_left();
    bt_probe_close(&probe);
    return taken_ms;
}

/* The best of a few tries: a busy machine may be late. */
static void an_interrupt_is_obeyed_within_half_a_second(void **state) {
    (void)state;
    double best_ms = INFINITY;
    for (int i = 0; i < 5 && best_ms > 500; i++)
        best_ms = fmin(best_ms, stopping_ms());
    if (best_ms > 500) fail_msg("the quickest of five took %.0f ms", best_ms);
}

static void after_an_interrupt_nothing_is_begun(void **state) {
    (void)state;
    bt_probe *probe = open_stoppable("sim:tau0_ms=1");
    stop = 1;
    bt_error error;
    bt_step_result result;
    for (int kind = BT_STEP_MEMORY; kind <= BT_STEP_MASKS; kind++) {
        bt_step step = {(bt_step_kind)kind, 1, 1};
        assert_int_equal(bt_probe_run(probe, &step, &result, &error), BT_CLOSED);
        assert_no_child_is_left();
    }
    bt_probe_close(&probe);
}

/* ---- workers that cannot be had ---- */

static void assert_start_fails(const char *program, const char *backend, bt_status status,
                               const char *words) {
    bt_probe_options options = options_for(program, backend);
    bt_probe *probe = open_probe(&options);
    bt_worker_facts facts;
    bt_step_result result;
    bt_error error;
    assert_int_equal(bt_probe_start(probe, &facts, &error), status);
    says(error.message, words);
    assert_int_equal(bt_probe_run(probe, &(bt_step){BT_STEP_MEASURE, 1, 1}, &result, &error), status);
    says(error.message, words);
    /* In a process of its own a step fails by itself. */
    assert_int_equal(bt_probe_run(probe, &(bt_step){BT_STEP_FULL_SIZE, 1, 1}, &result, NULL), BT_OK);
    assert_int_equal(result.status, status);
    says(result.message, words);
    bt_probe_close(&probe);
    assert_no_child_is_left();
}

static void a_missing_worker_program_is_named(void **state) {
    (void)state;
    assert_start_fails("nowhere/probe-worker", "sim", BT_IO, "nowhere/probe-worker");
}

static void a_session_that_cannot_open_says_why(void **state) {
    (void)state;
    assert_start_fails(real_worker, "sim:frobnicate=1", BT_INVALID, "frobnicate");
    assert_start_fails(real_worker, "abacus", BT_INVALID, "abacus");
}

/* ---- scripts for workers ---- */

static void put_script(const char *name, const char *text) {
    bt_error error;
    char script[1024];
    snprintf(script, sizeof script, "#!/bin/sh\n%s\n", text);
    if (bt_file_replace(name, script, strlen(script), false, &error)) fail_msg("%s", error.message);
    assert_int_equal(chmod(name, 0755), 0);
}

static void a_worker_that_dies_says_how(void **state) {
    (void)state;
    static const refusal deaths[] = {
        {"exit 3", "the worker ended with status 3"},
        {"read -r order; kill -SEGV $$", "the worker crashed (signal 11"},
        {"read -r order; kill -ILL $$", "this CPU lacks what a package was compiled with on another one"},
        {"read -r order; kill -KILL $$", "the worker was killed (SIGKILL)"},
        {"read -r order; printf '{\"status\":' >&0", "the worker ended with status 0"},
    };
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        put_script("worker", deaths[i].given);
        assert_start_fails("./worker", "sim", BT_CLOSED, deaths[i].message);
    }
    put_script("worker", "");
    bt_error error;
    static const char no_program[] = "#!/nowhere/interpreter\n";
    assert_int_equal(bt_file_replace("worker", no_program, sizeof no_program - 1, false, &error), BT_OK);
    assert_int_equal(chmod("worker", 0755), 0);
    assert_start_fails("./worker", "sim", BT_CLOSED, "the worker ended with status 127");
}

static void a_worker_that_talks_nonsense_is_ended(void **state) {
    (void)state;
    put_script("worker", "read -r order; echo pardon >&0; exec sleep 600");
    assert_start_fails("./worker", "sim", BT_CLOSED, "not JSON");
    put_script("worker", "exec 3>&0; read -r order; head -c 70000 /dev/zero | tr '\\0' x >&3");
    assert_start_fails("./worker", "sim", BT_CLOSED, "too long");
    put_script("worker", "read -r order; echo '{\"status\": 77}' >&0; read -r order");
    assert_start_fails("./worker", "sim", BT_PARSE, "status");
    put_script("worker", "read -r order; echo '{\"status\": 10}' >&0; read -r order");
    assert_start_fails("./worker", "sim", BT_PARSE, "message");
}

/* What a worker writes is kept; files of the way there are not left open in it. */
static void a_worker_holds_its_log_and_nothing_of_the_prober(void **state) {
    (void)state;
    put_script("worker", "echo to out; echo to err >&2; ls -l /proc/$$/fd >fds; exit 3");
    bt_probe_options options = options_for("./worker", "sim");
    bt_probe *probe = open_probe(&options);
    bt_error error;
    char *text;
    size_t size;
    assert_int_equal(bt_probe_start(probe, NULL, &error), BT_CLOSED);
    assert_int_equal(bt_file_read(LOG, 65536, &text, &size, &error), BT_OK);
    assert_string_equal(text, "to out\nto err\n");
    free(text);
    assert_int_equal(bt_file_read("fds", 65536, &text, &size, &error), BT_OK);
    int logs = 0;
    for (const char *at = text; (at = strstr(at, LOG "\n")); at++)
        logs++;
    if (logs != 2 || strstr(text, "oom_score_adj")) fail_msg("open in the worker:\n%s", text);
    free(text);
    bt_probe_close(&probe);
}

/* A script that opens like a worker and then sleeps, deaf to its socket, after it told its number. */
static void put_deaf_worker(void) {
    const bt_worker_facts facts = {.info = {.backend = "deaf"}, .total_memory_bytes = 1};
    bt_error error;
    json_t *answer = bt_opened_answer(&facts);
    char *text = json_dumps(answer, JSON_COMPACT), line[2048];
    json_decref(answer);
    int length = snprintf(line, sizeof line, "%s\n", text);
    free(text);
    assert_int_equal(bt_file_replace("answer", line, (size_t)length, false, &error), BT_OK);
    put_script("worker", "read -r order; echo $$ >pid; cat answer >&0; exec sleep 600");
}

static void closing_ends_a_worker_that_does_not_listen(void **state) {
    (void)state;
    put_deaf_worker();
    bt_probe_options options = options_for("./worker", "sim");
    bt_probe *probe = open_probe(&options);
    bt_worker_facts facts;
    bt_error error;
    if (bt_probe_start(probe, &facts, &error)) fail_msg("%s", error.message);
    assert_string_equal(facts.info.backend, "deaf");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
    bt_probe_close(&probe);
    assert_no_child_is_left();
}

/* The worker is told by the kernel, not by its socket, which a worker at work does not look at. */
static void a_worker_dies_with_its_parent(void **state) {
    (void)state;
    put_deaf_worker();
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the orphan becomes this process's */
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t parent = fork();
    if (parent == 0) {
        bt_probe_options options = options_for("./worker", "sim");
        bt_probe *probe;
        if (bt_probe_open(&probe, &options, NULL) || bt_probe_start(probe, NULL, NULL) ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(1);
    }
    assert_true(parent > 0);
    close(ready[1]);
    char byte, *text;
    size_t size;
    bt_error error;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(bt_file_read("pid", 64, &text, &size, &error), BT_OK);
    pid_t worker = (pid_t)strtol(text, NULL, 10);
    free(text);
    int how = 0;
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, &how, 0), parent);
    assert_int_equal(waitpid(worker, &how, 0), worker); /* else it would sleep for ten minutes */
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    while (wait(NULL) > 0) { /* the script's cat, where it was still about to end */
    }
}

static int find_worker(void **state) {
    (void)state;
    char folder[BT_PATH_SIZE];
    return bt_path_of_program(folder, NULL) ||
           bt_path_join(real_worker, NULL, "%s/../bin/probe-worker", folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_facts_are_the_sessions),
        TEST(a_worker_runs_on_a_folders_pictures),
        TEST(each_kind_of_step_brings_what_it_asks_for),
        TEST(runs_after_pauses_take_what_they_take),
        TEST(models_that_take_turns_are_measured_by_turns),
        TEST(models_on_cores_of_their_own_are_measured_side_by_side),
        TEST(models_that_nothing_slows_are_not_measured),
        TEST(a_crash_costs_its_point_and_the_next_step_finds_a_worker),
        TEST(running_out_of_memory_leaves_the_worker),
        TEST(a_failing_run_fails_its_step_only),
        TEST(a_worker_that_hangs_is_given_up),
        TEST(an_interrupt_is_obeyed_within_half_a_second),
        TEST(after_an_interrupt_nothing_is_begun),
        TEST(a_missing_worker_program_is_named),
        TEST(a_session_that_cannot_open_says_why),
        TEST(a_worker_that_dies_says_how),
        TEST(a_worker_that_talks_nonsense_is_ended),
        TEST(a_worker_holds_its_log_and_nothing_of_the_prober),
        TEST(closing_ends_a_worker_that_does_not_listen),
        TEST(a_worker_dies_with_its_parent),
    };
    return cmocka_run_group_tests_name("tune: the prober", tests, find_worker, NULL);
}
