#include "tune/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "tune/protocol.h"

#define ANSWER_BYTES_MAX 65536
#define POLL_MS          100 /* how soon an interrupt is noticed */
#define GIVING_BACK_NS   (2 * BT_NS_PER_S)
#define LEAVE_WITHIN_NS  (2 * BT_NS_PER_S)

/* A worker process and the socket to it. */
typedef struct process {
    pid_t pid; /* 0: none runs */
    int socket;
} process;

struct bt_probe {
    bt_probe_options options;
    process worker;    /* holds the production session */
    process auxiliary; /* of the steps that ask for a process of their own */
    bt_step_kind auxiliary_kind;
    int64_t limit_ns; /* no order is waited for beyond this moment; 0: none */
};

/* ---- processes ---- */

/* In the child, between fork and exec: only calls that are safe there. */
static void become_worker(const bt_probe *probe, int socket, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* the parent died before the line above */
    signal(SIGINT, SIG_IGN);             /* the terminal's interrupt is for the parent to judge */
    dup2(socket, STDIN_FILENO);
    int log = open(probe->options.worker_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log >= 0) {
        dup2(log, STDERR_FILENO);
        dup2(log, STDOUT_FILENO);
    }
    /* Should memory run out, the worker goes first; where that cannot be asked for, it is no worse off. */
    int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (adjust >= 0 && write(adjust, "1000", 4) != 4) close(adjust);
    char *const argv[] = {(char *)probe->options.worker_program, NULL};
    execv(probe->options.worker_program, argv);
    _exit(127);
}

static bt_status start_process(const bt_probe *probe, process *p, bt_error *error) {
    int pair[2];
    if (access(probe->options.worker_program, X_OK) != 0)
        return bt_fail(error, BT_IO, "%s: the worker program cannot be run: %s",
                       probe->options.worker_program, bt_text_system_error(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return bt_fail(error, BT_IO, "cannot make a socket for the worker: %s", bt_text_system_error(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become_worker(probe, pair[1], parent);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return bt_fail(error, BT_IO, "cannot start the worker: %s", bt_text_system_error(errno));
    }
    *p = (process){.pid = pid, .socket = pair[0]};
    return BT_OK;
}

/* Collects a process that is gone or about to be; says how it died. */
static bt_status reap(process *p, const char *cause, bt_error *error) {
    int how = 0;
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, &how, 0) < 0 && errno == EINTR) {
    }
    close(p->socket);
    *p = (process){0};
    if (cause) return bt_fail(error, BT_CLOSED, "%s", cause);
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL)
        return bt_fail(error, BT_CLOSED,
                       "the worker was killed (SIGKILL): often the kernel, for want of memory");
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGILL)
        return bt_fail(
            error, BT_CLOSED,
            "the worker crashed (signal %d, %s): this CPU lacks what a package was compiled with on "
            "another one",
            SIGILL, strsignal(SIGILL));
    if (WIFSIGNALED(how))
        return bt_fail(error, BT_CLOSED, "the worker crashed (signal %d, %s)", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
    return bt_fail(error, BT_CLOSED, "the worker ended with status %d", WEXITSTATUS(how));
}

/* Lets a worker that sees its socket close leave by itself, so that a device is given back in order; then
 * kills it. */
static void stop_process(process *p) {
    if (p->pid == 0) return;
    shutdown(p->socket, SHUT_RDWR);
    int64_t until_ns = bt_clock_now_ns() + LEAVE_WITHIN_NS;
    while (bt_clock_now_ns() < until_ns) {
        if (waitpid(p->pid, NULL, WNOHANG) != 0) {
            close(p->socket);
            *p = (process){0};
            return;
        }
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    }
    bt_error ignored;
    (void)reap(p, NULL, &ignored);
}

/* ---- the conversation ---- */

static bool stopped(const bt_probe *probe) {
    return probe->options.stop && *probe->options.stop;
}

/* Waits for one line. BT_CLOSED: the worker died (or the run was stopped); BT_TIMEOUT: it was silent too
 * long. */
static bt_status receive_line(const bt_probe *probe, process *p, char *line, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    int64_t until_ns = start_ns + (int64_t)(probe->options.answer_within_s * 1e9);
    if (probe->limit_ns && probe->limit_ns < until_ns) until_ns = probe->limit_ns;
    size_t size = 0;
    while (size == 0 || line[size - 1] != '\n') {
        struct pollfd ready = {.fd = p->socket, .events = POLLIN};
        int count = poll(&ready, 1, POLL_MS);
        if (stopped(probe)) return reap(p, "stopped", error);
        if (count == 0 && bt_clock_now_ns() > until_ns) {
            (void)reap(p, NULL, error);
            return bt_fail(error, BT_TIMEOUT, "the worker was silent for %.0f s and was killed",
                           (double)(until_ns - start_ns) / 1e9);
        }
        if (count <= 0) continue;
        ssize_t received = recv(p->socket, line + size, ANSWER_BYTES_MAX - 1 - size, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) return reap(p, NULL, error);
        size += (size_t)received;
        if (size >= ANSWER_BYTES_MAX - 1) return reap(p, "the worker's answer is too long", error);
    }
    line[size] = '\0';
    return BT_OK;
}

/* Gives one order, whose reference it takes over, and waits for the answer (the caller's reference). */
static bt_status exchange(const bt_probe *probe, process *p, json_t *order, json_t **answer,
                          bt_error *error) {
    char *line = malloc(ANSWER_BYTES_MAX);
    *answer = NULL;
    if (!line) { /* before the order is sent, or its answer would be taken for that to the next */
        json_decref(order);
        return bt_no_memory(error, "a worker's answer");
    }
    bt_status status = bt_line_send(p->socket, order, error);
    if (status == BT_IO) status = reap(p, NULL, error);
    if (status == BT_OK) status = receive_line(probe, p, line, error);
    if (status == BT_OK) {
        json_error_t at;
        *answer = bt_json_parse(line, strlen(line), &at);
        if (!*answer) status = reap(p, "the worker's answer is not JSON", error);
    }
    free(line);
    return status;
}

/* An order for a session, with whatever else these options say of it. */
static bt_status order_session(const bt_probe *probe, process *p, const bt_probe_options *options,
                               const bt_session_options *session, int instances, bt_worker_facts *facts,
                               bt_error *error) {
    bt_open_order order;
    json_t *answer;
    bt_status status = bt_open_order_make(&order, session, instances, error);
    if (status != BT_OK) return status;
    snprintf(order.images, sizeof order.images, "%s", options->images ? options->images : "");
    order.white = options->wishes.white;
    order.page = options->wishes.page;
    order.seed = options->seed;
    order.min_mask_iou = options->min_mask_iou;
    snprintf(order.reference, sizeof order.reference, "%s", options->reference ? options->reference : "");
    if (options != &probe->options) order.neighbour_batch_size = probe->options.neighbour_batch_size;
    status = exchange(probe, p, bt_open_order_to_json(&order), &answer, error);
    if (status == BT_OK) status = bt_opened_from_answer(answer, facts, error);
    json_decref(answer);
    return status;
}

static bt_status open_session(const bt_probe *probe, process *p, const bt_session_options *session,
                              int instances, bt_worker_facts *facts, bt_error *error) {
    bt_status status = start_process(probe, p, error);
    if (status != BT_OK) return status;
    const bt_probe_options *other = p == &probe->worker ? probe->options.neighbour : NULL;
    status = order_session(probe, p, &probe->options, session, instances, facts, error);
    if (status == BT_OK && other)
        status = order_session(probe, p, other, &other->session, other->instances, NULL, error);
    if (status != BT_OK) stop_process(p);
    return status;
}

/* ---- the interface ---- */

bt_status bt_probe_open(bt_probe **out, const bt_probe_options *options, bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "a probe");
    (*out)->options = *options;
    return BT_OK;
}

void bt_probe_close(bt_probe **probe) {
    if (!*probe) return;
    stop_process(&(*probe)->worker);
    stop_process(&(*probe)->auxiliary);
    free(*probe);
    *probe = NULL;
}

void bt_probe_limit(bt_probe *probe, double seconds) {
    probe->limit_ns = isfinite(seconds) ? bt_clock_now_ns() + (int64_t)(seconds * 1e9) : 0;
}

bt_status bt_probe_start(bt_probe *probe, bt_worker_facts *facts, bt_error *error) {
    stop_process(&probe->worker);
    return open_session(probe, &probe->worker, &probe->options.session, probe->options.instances, facts,
                        error);
}

static bool wants_own_process(bt_step_kind kind) {
    return kind == BT_STEP_FRESH_MEMORY || kind == BT_STEP_STANDARD_MEMORY || kind == BT_STEP_FULL_SIZE;
}

/* The process for a step. One of its own is kept while the same kind of step goes on (it climbs in batch
 * size). */
static bt_status process_for(bt_probe *probe, bt_step_kind kind, process **out, bt_error *error) {
    bt_session_options session = probe->options.session;
    int instances = probe->options.instances;
    bool own = wants_own_process(kind);
    *out = own ? &probe->auxiliary : &probe->worker;
    if (!own) stop_process(&probe->auxiliary);
    if (own && (probe->auxiliary_kind != kind || kind == BT_STEP_FRESH_MEMORY))
        stop_process(&probe->auxiliary);
    if ((*out)->pid) return BT_OK;
    if (own) probe->auxiliary_kind = kind;
    /* The standard path, and the large image, have all cores to themselves. */
    if (kind == BT_STEP_STANDARD_MEMORY || kind == BT_STEP_FULL_SIZE) {
        session.threads *= instances;
        instances = 1;
    }
    if (kind == BT_STEP_STANDARD_MEMORY) session.path = BT_PATH_STANDARD;
    if (kind == BT_STEP_FULL_SIZE) session.height = session.width = probe->options.full_size;
    bt_status status = open_session(probe, *out, &session, instances, NULL, error);
    if (status != BT_OUT_OF_DEVICE_MEMORY) return status;
    bt_clock_sleep_until_ns(bt_clock_now_ns() +
                            GIVING_BACK_NS); /* a device may be slow to take back a dead one's */
    return open_session(probe, *out, &session, instances, NULL, error);
}

static void fail_result(bt_step_result *result, const bt_error *error) {
    *result = bt_step_result_empty();
    result->status = error->status;
    snprintf(result->message, sizeof result->message, "%s", error->message);
}

bt_status bt_probe_run(bt_probe *probe, const bt_step *step, bt_step_result *result, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    process *p;
    json_t *answer = NULL;
    bt_error cause;
    if (!error) error = &cause; /* a result tells what went wrong even where nobody asks for the error */
    bt_status status = process_for(probe, step->kind, &p, error);
    if (status != BT_OK && !wants_own_process(step->kind)) return status; /* the model itself cannot be had */
    if (status == BT_OK) status = exchange(probe, p, bt_step_order_to_json(step), &answer, error);
    if (stopped(probe)) {
        json_decref(answer);
        return bt_fail(error, BT_CLOSED, "stopped");
    }
    if (status == BT_OK) status = bt_step_result_from_json(answer, result, "worker's answer", error);
    json_decref(answer);
    if (status != BT_OK) fail_result(result, error);
    result->elapsed_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    return BT_OK;
}
