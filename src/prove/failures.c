#include "prove/failures.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- counting ---- */

static int64_t runs_of(const bt_failures *failures) {
    return failures->exceptions + failures->non_finite + failures->out_of_memory + failures->timeouts;
}

void bt_failures_read(bt_failures_seen *seen, bt_service *service, int model) {
    bt_error ignored;
    if (bt_service_metrics(service, bt_serving_model(service, model)->entry->name, &seen->metrics, &ignored))
        memset(&seen->metrics, 0, sizeof seen->metrics);
    bt_serving_failed(service, model, &seen->last);
}

static void name_last(char *out, size_t size, const bt_failures_seen *seen, int path) {
    const bt_serving_failure *last = &seen->last.of[path];
    const bool known = last->instance >= 0 && last->instance < seen->metrics.instance_count;
    snprintf(out, size, "instance %d (%s): %s", last->instance,
             known ? seen->metrics.instances[last->instance].device : "gone", last->message);
}

void bt_failures_add_since(bt_failures *failures, const bt_failures_seen *before, bt_service *service,
                           int model) {
    bt_failures_seen now;
    bt_failures_read(&now, service, model);
    const bt_metrics *a = &before->metrics, *b = &now.metrics;
    failures->exceptions += (int64_t)(b->run_exceptions - a->run_exceptions);
    failures->non_finite += (int64_t)(b->run_non_finite - a->run_non_finite);
    failures->out_of_memory += (int64_t)(b->run_out_of_memory - a->run_out_of_memory);
    failures->timeouts += (int64_t)(b->run_timeouts - a->run_timeouts);
    failures->breaker_opened += (int64_t)(b->breaker_opened - a->breaker_opened);
    failures->standard +=
        (int64_t)(now.last.of[BT_SERVING_STANDARD].count - before->last.of[BT_SERVING_STANDARD].count);
    failures->earlier +=
        (int64_t)(a->run_exceptions + a->run_non_finite + a->run_out_of_memory + a->run_timeouts);
    failures->earlier_timeouts += (int64_t)a->run_timeouts;
    if (now.last.of[BT_SERVING_PRODUCTION].count > 0)
        name_last(failures->production_last, sizeof failures->production_last, &now, BT_SERVING_PRODUCTION);
    if (now.last.of[BT_SERVING_STANDARD].count > 0)
        name_last(failures->standard_last, sizeof failures->standard_last, &now, BT_SERVING_STANDARD);
}

void bt_failures_add(bt_failures *failures, const bt_failures *more) {
    const bool first = runs_of(failures) == 0 && failures->earlier == 0;
    if (first) { /* of later segments, what was before is what was during the first */
        failures->earlier = more->earlier;
        failures->earlier_timeouts = more->earlier_timeouts;
    }
    failures->exceptions += more->exceptions;
    failures->non_finite += more->non_finite;
    failures->out_of_memory += more->out_of_memory;
    failures->timeouts += more->timeouts;
    failures->standard += more->standard;
    failures->breaker_opened += more->breaker_opened;
    failures->connections += more->connections;
    failures->error_answers += more->error_answers;
    failures->wrong_answers += more->wrong_answers;
    if (more->answer_last[0]) memcpy(failures->answer_last, more->answer_last, sizeof failures->answer_last);
    if (more->production_last[0])
        memcpy(failures->production_last, more->production_last, sizeof failures->production_last);
    if (more->standard_last[0])
        memcpy(failures->standard_last, more->standard_last, sizeof failures->standard_last);
}

void bt_failures_of_answers(bt_failures *failures, const bt_request_log *log, int stream, const char *last) {
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        if (request->stream != stream) continue;
        failures->connections += request->status == BT_IO;
        failures->error_answers += request->status == BT_BACKEND;
        failures->wrong_answers += request->status == BT_PARSE;
    }
    if (failures->connections + failures->error_answers + failures->wrong_answers > 0)
        snprintf(failures->answer_last, sizeof failures->answer_last, "%s", last);
}

/* ---- words ---- */

/* Appends to the sentence. */
#define ADD(out, ...) bt_text_append(out, BT_FAILURES_WORDS_SIZE, __VA_ARGS__)

static const char *runs(int64_t count) {
    return count == 1 ? "run" : "runs";
}

/* "37 runs failed"; where another cause than an exception is among them, each is counted. */
static void add_causes(const bt_failures *f, char *out) {
    const struct {
        int64_t count;
        const char *what;
    } causes[] = {
        {f->exceptions, "failed"},
        {f->non_finite, "gave NaN or infinity"},
        {f->out_of_memory, "ran out of the device's memory"},
        {f->timeouts, "took longer than the watchdog lets them"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].count > 0)
            ADD(out, "%s%lld %s %s", out[0] ? ", " : "", (long long)causes[i].count, runs(causes[i].count),
                causes[i].what);
}

/* What came of requests to servers. */
static void add_answers(const bt_failures *f, char *out) {
    const struct {
        int64_t count;
        const char *what;
    } causes[] = {{f->connections, "without an answer"},
                  {f->error_answers, "answered with an error"},
                  {f->wrong_answers, "answered wrongly"}};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].count > 0)
            ADD(out, "%s%lld %s", out[0] ? ", " : "", (long long)causes[i].count, causes[i].what);
    if (f->answer_last[0]) ADD(out, ", the last: %s", f->answer_last);
}

static int64_t answers_of(const bt_failures *failures) {
    return failures->connections + failures->error_answers + failures->wrong_answers;
}

bool bt_failures_matter(const bt_failures *failures, int64_t fallback, int64_t failed) {
    if (!failures) return false;
    return runs_of(failures) > 0 || failures->standard > 0 || answers_of(failures) > 0 ||
           (failures->earlier > 0 && fallback + failed > 0);
}

/* What was before a part and is still felt. */
static void add_earlier(const bt_failures *f, char *out) {
    if (f->earlier_timeouts > 0)
        ADD(out, "%lld %s took longer than the watchdog lets them before, and an instance may hang since",
            (long long)f->earlier_timeouts, runs(f->earlier_timeouts));
    else
        ADD(out, "%lld %s failed before", (long long)f->earlier, runs(f->earlier));
}

void bt_failures_words(const bt_failures *failures, bool failover, int64_t fallback, int64_t failed,
                       char out[BT_FAILURES_WORDS_SIZE]) {
    out[0] = '\0';
    if (!bt_failures_matter(failures, fallback, failed)) return;
    if (answers_of(failures) > 0) {
        add_answers(failures, out);
        return;
    }
    const int64_t meanwhile = runs_of(failures);
    add_causes(failures, out);
    if (meanwhile == 0 && failures->earlier > 0) add_earlier(failures, out);
    if (out[0] && failures->production_last[0]) ADD(out, ", the last on %s", failures->production_last);
    if (failures->standard > 0)
        ADD(out, "%s%lld %s on the standard path failed, the last on %s", out[0] ? "; " : "",
            (long long)failures->standard, runs(failures->standard), failures->standard_last);
    if (meanwhile + failures->earlier > 0 && !failover) ADD(out, "; failover is off");
    if (fallback > 0)
        ADD(out, "; the standard path served %lld %s instead", (long long)fallback,
            fallback == 1 ? "request" : "requests");
}
