/* serve-production: the tuned service on HTTP. The work is done by src/serving and src/http; here they are
 * started, and stopped in order. */
#include <stdio.h>
#include <string.h>

#include "backend/sim.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/log.h"
#include "base/program.h"
#include "base/systemd.h"
#include "base/text.h"
#include "http/server.h"
#include "record/config.h"
#include "serving/serving.h"

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "it served until SIGTERM or Ctrl-C, and every request that it took was answered"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing, or requests were given up at the end"},
    {BT_EXIT_USAGE, "wrong usage or bad input: no config, a broken one, an address in use"},
    {BT_EXIT_INTERRUPTED, "interrupted before it was ready"},
    {0, NULL},
};

/* What a person needs who has never spoken to such a server. */
static void write_more(FILE *out) {
    fputs("\nAsking it:\n"
          "  curl localhost:8000/v2/health/ready\n"
          "  curl localhost:8000/v2/models/hrnet\n"
          "  curl localhost:8000/v2/models/hrnet/infer -H 'Inference-Header-Content-Length: 0' \\\n"
          "       --data-binary @cell.png             a picture file; all outputs, binary\n"
          "  curl localhost:8000/metrics              for Prometheus\n"
          "Triton's clients work as they are: the input is \"image\", UINT8 [N,height,width,3] or BYTES [N]\n"
          "(PNG, JPEG, TIFF); the outputs are mask, probabilities and polygons. See docs/http.md.\n",
          out);
    fputs("\nKeys of --backend sim:KEY=VALUE,...:\n", out);
    bt_sim_help(out);
}

static bt_command command = {
    .name = "serve-production",
    .summary =
        "Serves the tuned models over HTTP by the Open Inference Protocol (v2), which Triton and KServe\n"
        "speak too, with metrics for Prometheus. It listens on this machine alone unless told otherwise.",
    .prints = "the address",
    .usage = "[options]",
    .examples = "  serve-production\n"
                "  serve-production --models hrnet --port 0         a free port, which it prints\n"
                "  serve-production --listen 0.0.0.0 --drain-seconds 15\n"
                "  serve-production --config configs/simulated.json --backend sim:tau0_ms=4,alpha_ms=2\n"
                "                                                   a try-out without libtorch\n",
    .exits = exits,
    .write_more = write_more,
};

typedef struct serving {
    bt_http_settings settings;
    bt_option_sources sources;
    bt_config *config;
    bt_service *service;
    bt_access *access;
    bt_http_server *server;
    bt_log *log;
    const volatile sig_atomic_t *stop;
    int64_t watchdog_ns; /* systemd wants to hear so often that it lives; 0: never */
    int64_t told_ns;     /* when it heard */
} serving;

/* How long requests that were taken may run on when it stops. Raised, a batch that hangs holds up the end;
 * lowered, large batches are given up. */
#define STOP_MS 30000.0

static bt_status open_service(serving *s, bt_error *error) {
    const bt_names *names = &s->settings.models;
    const char *models[BT_NAMES_MAX];
    bt_status status = bt_config_load_flag(&s->config, s->settings.config, error);
    for (int i = 0; i < names->count; i++)
        models[i] = names->names[i];
    if (status != BT_OK) return status;
    return bt_serving_open(&s->service, s->config, names->count > 0 ? models : NULL, names->count,
                           &s->settings.service, &s->sources, s->log, error);
}

static void write_names(const serving *s, char *out, size_t size) {
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    const int count = bt_service_models(s->service, facts, BT_BATCHER_MODELS_MAX);
    out[0] = '\0';
    for (int i = 0; i < count; i++)
        bt_text_append(out, size, "%s%s", i ? ", " : "", facts[i].name);
}

/* At the socket that systemd listens at, where it handed one over. */
static bt_status listen_somewhere(serving *s, bt_error *error) {
    int listener;
    bt_status status = bt_systemd_listener(&listener, error);
    if (status != BT_OK) return status;
    if (listener >= 0)
        bt_log_write(s->log, BT_LOG_INFO, "a socket was handed over: --listen and --port do not count");
    return bt_http_server_open(&s->server, s->service, &s->settings, s->access, listener, error);
}

/* Loads and warms up: whoever asks meanwhile hears that it lives and is not ready. */
static bt_status start(serving *s, bt_error *error) {
    char names[256];
    bt_status status = listen_somewhere(s, error);
    if (status != BT_OK) return status;
    write_names(s, names, sizeof names);
    bt_log_write(s->log, BT_LOG_INFO, "listening at %s; loading %s", bt_http_server_address(s->server),
                 names);
    bt_systemd_notify("STATUS=loading the models");
    bt_program_waits(true);
    status = bt_service_start(s->service, error);
    bt_program_waits(false);
    if (status != BT_OK) return status;
    bt_http_server_ready(s->server);
    bt_systemd_notify("READY=1\nSTATUS=serving");
    printf("serving %s at %s\n", names, bt_http_server_address(s->server));
    return bt_command_printed(stdout, BT_OK);
}

/* How often it looks whether a signal came: those cut no sleep short. Raised, it acts later; lowered, it wakes more
 * often for nothing. */
#define LOOK_NS (50 * BT_NS_PER_MS)

/* Says so where the service can still be asked: a lock that nobody lets go of is a hang. */
static void tell_watchdog(serving *s) {
    const int64_t now_ns = bt_clock_now_ns();
    if (s->watchdog_ns == 0 || now_ns - s->told_ns < s->watchdog_ns / 3) return;
    (void)bt_serving_queue_size(s->service);
    bt_systemd_notify("WATCHDOG=1");
    s->told_ns = now_ns;
}

static void wait_until_stopped(serving *s) {
    while (!*s->stop) {
        tell_watchdog(s);
        bt_clock_sleep_until_ns(bt_clock_now_ns() + LOOK_NS);
    }
}

static void serve_on(serving *s, double seconds) {
    const int64_t until_ns = bt_clock_now_ns() + (int64_t)(seconds * 1e9);
    for (int64_t now_ns = bt_clock_now_ns(); now_ns < until_ns; now_ns = bt_clock_now_ns()) {
        tell_watchdog(s);
        bt_clock_sleep_until_ns(until_ns - now_ns < LOOK_NS ? until_ns : now_ns + LOOK_NS);
    }
}

/* First nobody new is sent here, then nobody new is let in, then those who are get their answers. */
static bt_status finish(serving *s, bt_error *error) {
    const double seconds = s->settings.drain_seconds;
    bt_log_write(s->log, BT_LOG_INFO, "stopping: not ready from now on, %g s more", seconds);
    bt_systemd_notify("STOPPING=1\nSTATUS=stopping");
    bt_http_server_drain(s->server);
    serve_on(s, seconds);
    bt_http_server_quiet(s->server);
    return bt_service_stop(s->service, STOP_MS, error);
}

static bt_status serve(serving *s, bt_error *error) {
    bt_status status =
        bt_log_open(&s->log, stderr, s->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, NULL, error);
    s->watchdog_ns = bt_systemd_watchdog_ns();
    if (status == BT_OK) status = bt_access_open(&s->access, &s->settings, s->log, error);
    if (status == BT_OK) status = open_service(s, error);
    if (status == BT_OK) status = start(s, error);
    if (status != BT_OK) return status;
    wait_until_stopped(s);
    return finish(s, error);
}

int main(int argc, char **argv) {
    static serving s; /* large: kept off the stack */
    bt_error error = {BT_OK, ""};
    command.table = bt_http_settings_table(&command.count);
    s.stop = bt_program_begin(BT_SIGNALS_STOP);
    int code = bt_command_start(&command, argc, argv, &s.settings, &s.sources, stdout, stderr);
    if (code >= 0) return code;
    code = BT_EXIT_GOOD;
    if (serve(&s, &error) != BT_OK) code = bt_command_fail(&command, &error, stderr);
    bt_http_server_close(&s.server);
    bt_service_close(&s.service);
    bt_access_close(&s.access);
    code = bt_command_finish(&command, stdout, stderr, false, code);
    bt_config_close(&s.config);
    bt_log_close(&s.log);
    return code;
}
