/* A trace's text, written. */
#include <string.h>

#include "batcher-trace.h"

const char *const trace_outcome_words[] = {
    [BT_RUN_GOOD] = "good",
    [BT_RUN_EXCEPTION] = "exception",
    [BT_RUN_NON_FINITE] = "non-finite",
    [BT_RUN_OUT_OF_MEMORY] = "out-of-memory",
    [BT_RUN_OUTCOME_COUNT] = NULL,
};

/* Behind `name`: microseconds, with as many digits as they need. */
static void put_time(FILE *out, const char *name, int64_t ns) {
    int rest = (int)(ns % 1000), digits = 3;
    fprintf(out, "%s%lld", name, (long long)(ns / 1000));
    for (; rest > 0 && rest % 10 == 0; rest /= 10)
        digits--;
    if (rest > 0) fprintf(out, ".%0*d", digits, rest);
}

static void put_status(FILE *out, bt_status status) {
    fputc(' ', out);
    for (const char *c = bt_status_name(status); *c; c++)
        fputc(*c == ' ' ? '-' : *c, out);
    fputc('\n', out);
}

static void put_breaker(FILE *out, const bt_breaker_options *breaker, const bt_breaker_options *plain) {
    if (breaker->failures == plain->failures && breaker->probes == plain->probes &&
        breaker->cooldown_ns == plain->cooldown_ns && breaker->cooldown_max_ns == plain->cooldown_max_ns)
        return;
    fprintf(out, " breaker=%d:%d", breaker->failures, breaker->probes);
    put_time(out, ":", breaker->cooldown_ns);
    put_time(out, ":", breaker->cooldown_max_ns);
}

/* What is plain goes without saying. */
static void put_model(FILE *out, const bt_batcher_model *model, int number) {
    const bt_batcher_model plain = trace_plain_model(&model->ladder);
    fprintf(out, "model %d ladder=", number);
    for (int i = 0; i < model->ladder.size_count; i++) {
        fprintf(out, "%s%d", i > 0 ? "," : "", model->ladder.sizes[i]);
        put_time(out, ":", model->ladder.service_ns[i]);
    }
    if (model->ladder.standard_ns != plain.ladder.standard_ns)
        put_time(out, " standard=", model->ladder.standard_ns);
    if (model->max_batch_size != plain.max_batch_size) fprintf(out, " max_batch=%d", model->max_batch_size);
    if (model->max_queue_size != plain.max_queue_size) fprintf(out, " queue=%d", model->max_queue_size);
    if (model->max_queue_delay_ns > 0) put_time(out, " delay=", model->max_queue_delay_ns);
    if (model->policy != plain.policy) fprintf(out, " policy=%s", bt_batcher_policy_name(model->policy));
    if (model->promise_ns > 0) put_time(out, " promise=", model->promise_ns);
    if (model->overtake_ns > 0) put_time(out, " overtake=", model->overtake_ns);
    if (model->watchdog_ns > 0) put_time(out, " watchdog=", model->watchdog_ns);
    put_breaker(out, &model->breaker, &plain.breaker);
    fprintf(out, "%s%s\n", model->admission ? " admission" : "", model->failover ? " failover" : "");
}

static void put_change(FILE *out, const trace_event *event) {
    const bt_batcher_change *change = &event->change;
    fprintf(out, " change model=%d max_batch=%d queue=%d", event->model, change->max_batch_size,
            change->max_queue_size);
    put_time(out, " delay=", change->max_queue_delay_ns);
    fprintf(out, " policy=%s", bt_batcher_policy_name(change->policy));
    put_time(out, " promise=", change->promise_ns);
}

static void put_run(FILE *out, const char *again, const trace_run *run) {
    if (run->takes_ns != TRACE_AS_PLANNED) {
        fprintf(out, " %s", again);
        put_time(out, "takes=", run->takes_ns);
    }
    if (run->outcome != BT_RUN_GOOD) fprintf(out, " %sends=%s", again, trace_outcome_words[run->outcome]);
}

static void put_event(FILE *out, const trace_event *event) {
    put_time(out, "at ", event->at_ns);
    switch (event->kind) {
    case TRACE_SUBMIT:
        fprintf(out, " submit %d model=%d", event->request, event->model);
        if (event->within_ns != BT_NEVER_NS) put_time(out, " within=", event->within_ns);
        if (event->priority > 0) fprintf(out, " priority=%d", event->priority);
        if (event->standard) fputs(" standard", out);
        put_run(out, "", &event->first);
        put_run(out, "again-", &event->again);
        break;
    case TRACE_CANCEL:
        fprintf(out, " cancel %d", event->request);
        break;
    case TRACE_CHANGE:
        put_change(out, event);
        break;
    case TRACE_DRAIN:
        fputs(" drain", out);
        break;
    case TRACE_ABANDON:
    case TRACE_KIND_COUNT:
        fputs(" abandon", out);
        break;
    }
    fputc('\n', out);
}

static void put_expectation(FILE *out, const trace_expectation *e) {
    static const char *const words[] = {
        [TRACE_RUN] = "run", [TRACE_ANSWER] = "answer", [TRACE_REFUSED] = "refused"};
    put_time(out, "at ", e->at_ns);
    fprintf(out, " expect %s", words[e->wanted]);
    for (int i = 0; i < e->count; i++)
        fprintf(out, " %d", e->requests[i]);
    if (e->wanted != TRACE_RUN)
        put_status(out, e->status);
    else
        fprintf(out, " size=%d instance=%d%s\n", e->run_size, e->instance, e->standard ? " standard" : "");
}

void trace_write(const trace *t, FILE *out) {
    fprintf(out, "%s\n", TRACE_HEAD);
    for (int i = 0; i < t->model_count; i++)
        put_model(out, &t->models[i], i);
    for (int i = 0; i < t->instance_count; i++)
        fprintf(out, "instance %d model=%d device=%d\n", i, t->instances[i].model, t->instances[i].device);
    size_t next = 0;
    for (size_t i = 0; i < t->event_count; i++) {
        for (; next < t->expectation_count && t->expectations[next].at_ns < t->events[i].at_ns; next++)
            put_expectation(out, &t->expectations[next]);
        put_event(out, &t->events[i]);
    }
    for (; next < t->expectation_count; next++)
        put_expectation(out, &t->expectations[next]);
}
