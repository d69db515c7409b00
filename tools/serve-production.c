/* serve-production: the tuned service on HTTP. The work is done by src/serving and src/http; here they are
 * started, and stopped in order. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "backend/sim.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/log.h"
#include "base/program.h"
#include "base/systemd.h"
#include "base/text.h"
#include "http/reload.h"
#include "http/server.h"
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
          "  curl localhost:8000/segment/hrnet --data-binary @cell.png -H 'Accept: image/png'\n"
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
    bt_http_served served;
    bt_access *access;
    bt_http_server *server;
    bt_log *log;
    const volatile sig_atomic_t *stop;
    volatile sig_atomic_t *wants_reload;
    pthread_t reloader; /* where `reloading`; has `served` to itself until it has ended */
    bool reloading;
    atomic_bool reloaded; /* it is at its end */
    int64_t watchdog_ns;  /* systemd wants to hear so often that it lives; 0: never */
    int64_t told_ns;      /* when it heard */
} serving;

/* At the socket that systemd listens at, where it handed one over. */
static bt_status listen_somewhere(serving *s, bt_error *error) {
    int listener;
    bt_status status = bt_systemd_listener(&listener, error);
    if (status != BT_OK) return status;
    if (listener >= 0)
        bt_log_write(s->log, BT_LOG_INFO, "a socket was handed over: --listen and --port do not count");
    return bt_http_server_open(&s->server, s->served.service, &s->settings, s->access, listener, error);
}

/* Loads and warms up: whoever asks meanwhile hears that it lives and is not ready. */
static bt_status start(serving *s, bt_error *error) {
    char names[256];
    bt_status status = listen_somewhere(s, error);
    if (status != BT_OK) return status;
    bt_http_served_names(&s->served, names, sizeof names);
    bt_log_write(s->log, BT_LOG_INFO, "listening at %s; loading %s", bt_http_server_address(s->server),
                 names);
    bt_systemd_notify("STATUS=loading the models");
    bt_program_waits(true);
    status = bt_service_start(s->served.service, error);
    bt_program_waits(false);
    if (status != BT_OK) return status;
    bt_http_server_ready(s->server);
    bt_systemd_notify("READY=1\nSTATUS=serving");
    printf("serving %s at %s\n", names, bt_http_server_address(s->server));
    status = bt_command_printed(stdout, BT_OK);
    return status == BT_OK ? bt_serving_find_capacities(s->served.service, error) : status;
}

/* How often it looks whether a signal came: those cut no sleep short. Raised, it acts later; lowered, it wakes more
 * often for nothing. */
#define LOOK_NS (50 * BT_NS_PER_MS)

/* Says so where the server can still be asked: a lock that nobody lets go of is a hang. */
static void tell_watchdog(serving *s) {
    const int64_t now_ns = bt_clock_now_ns();
    if (s->watchdog_ns == 0 || now_ns - s->told_ns < s->watchdog_ns / 3) return;
    (void)bt_http_server_queue_size(s->server);
    bt_systemd_notify("WATCHDOG=1");
    s->told_ns = now_ns;
}

/* ---- SIGHUP ---- */

/* Loading takes long, and a thread of its own, so that signals and systemd are heeded meanwhile. */
static void *reload(void *argument) {
    serving *s = argument;
    bt_error error;
    bt_access_reopen(s->access);
    if (bt_http_reload(&s->served, s->server, &s->settings, &s->sources, s->log, &error) != BT_OK)
        bt_log_write(s->log, BT_LOG_ERROR, "not reloaded, and served as before: %s", error.message);
    if (!*s->stop) bt_systemd_notify("READY=1\nSTATUS=serving");
    atomic_store(&s->reloaded, true);
    return NULL;
}

static void await_reload(serving *s) {
    if (s->reloading) pthread_join(s->reloader, NULL);
    s->reloading = false;
}

static void reload_when_asked(serving *s) {
    if (s->reloading && atomic_load(&s->reloaded)) await_reload(s);
    if (s->reloading || !*s->wants_reload) return;
    *s->wants_reload = 0;
    atomic_store(&s->reloaded, false);
    bt_log_write(s->log, BT_LOG_INFO, "SIGHUP: reading %s anew", s->settings.config);
    bt_systemd_notify_reloading();
    s->reloading = pthread_create(&s->reloader, NULL, reload, s) == 0;
    if (!s->reloading) bt_log_write(s->log, BT_LOG_ERROR, "not reloaded: a thread cannot be started");
}

/* ---- until the end ---- */

static void wait_until_stopped(serving *s) {
    while (!*s->stop) {
        tell_watchdog(s);
        reload_when_asked(s);
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
    await_reload(s);
    bt_http_server_quiet(s->server);
    return bt_service_stop(s->served.service, BT_HTTP_STOP_MS, error);
}

static bt_status serve(serving *s, bt_error *error) {
    bt_status status =
        bt_log_open(&s->log, stderr, s->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, NULL, error);
    s->watchdog_ns = bt_systemd_watchdog_ns();
    if (status == BT_OK) status = bt_access_open(&s->access, &s->settings, s->log, error);
    if (status == BT_OK) status = bt_http_served_open(&s->served, &s->settings, &s->sources, s->log, error);
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
    s.wants_reload = bt_program_reloads();
    int code = bt_command_start(&command, argc, argv, &s.settings, &s.sources, stdout, stderr);
    if (code >= 0) return code;
    code = BT_EXIT_GOOD;
    if (serve(&s, &error) != BT_OK) code = bt_command_fail(&command, &error, stderr);
    bt_http_server_close(&s.server);
    bt_access_close(&s.access);
    code = bt_command_finish(&command, stdout, stderr, false, code);
    bt_http_served_close(&s.served);
    bt_log_close(&s.log);
    return code;
}
