/* A trace's text, read strictly: a line that means nothing would make a trace that shows nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "batcher-trace.h"

#define WORDS_MAX (TRACE_EXPECTED_MAX + 16)

/* A line's words, taken one after another. */
typedef struct reader {
    char *words[WORDS_MAX];
    int count, at;
    int64_t last_ns; /* of the line before */
    trace *t;
    bt_error *error;
} reader;

static bt_status refuse(reader *r, const char *what) {
    return bt_fail(r->error, BT_PARSE, "%s: \"%s\"", what,
                   r->at < r->count ? r->words[r->at] : "the line's end");
}

static char *next_word(reader *r) {
    return r->at < r->count ? r->words[r->at++] : NULL;
}

/* The next word is this one, and taken. */
static bool take(reader *r, const char *word) {
    if (r->at == r->count || strcmp(r->words[r->at], word) != 0) return false;
    r->at++;
    return true;
}

/* What stands behind `name=` in the next word, or NULL. */
static const char *take_value(reader *r, const char *name) {
    const size_t length = strlen(name);
    if (r->at == r->count || strncmp(r->words[r->at], name, length) != 0 || r->words[r->at][length] != '=')
        return NULL;
    return r->words[r->at++] + length + 1;
}

/* Digits up to `end`, and no more than `most`; NULL where there are none. */
static const char *read_digits(const char *text, int64_t most, int64_t *out) {
    const char *at = text;
    for (*out = 0; *at >= '0' && *at <= '9'; at++) {
        *out = *out * 10 + (*at - '0');
        if (*out > most) return NULL;
    }
    return at > text ? at : NULL;
}

/* Microseconds with at most three digits behind the point. */
static const char *read_time(const char *text, int64_t *out_ns) {
    int64_t rest = 0;
    const char *at = read_digits(text, TRACE_NS_MAX / 1000, out_ns);
    if (!at) return NULL;
    *out_ns *= 1000;
    if (*at != '.') return at;
    const char *end = read_digits(at + 1, 999, &rest);
    if (!end || end - at > 4) return NULL;
    for (long digits = end - at - 1; digits < 3; digits++)
        rest *= 10;
    *out_ns += rest;
    return end;
}

static bool is_time(const char *text, int64_t *out_ns) {
    const char *end = text ? read_time(text, out_ns) : NULL;
    return end && *end == '\0';
}

static bool is_number(const char *text, int64_t least, int64_t most, int *out) {
    int64_t value;
    const char *end = text ? read_digits(text, most, &value) : NULL;
    if (!end || *end != '\0' || value < least) return false;
    *out = (int)value;
    return true;
}

static bool is_one_of(const char *text, const char *const *words, int *out) {
    for (*out = 0; text && words[*out]; ++*out)
        if (strcmp(text, words[*out]) == 0) return true;
    return false;
}

static bool is_policy(const char *text, bt_batcher_policy *out) {
    for (*out = 0; text && *out < BT_POLICY_COUNT; ++*out)
        if (strcmp(text, bt_batcher_policy_name(*out)) == 0) return true;
    return false;
}

/* ---- set-up ---- */

static bool read_ladder(const char *text, bt_ladder *ladder) {
    for (int i = 0; text && i < BT_LADDER_SIZES_MAX; i++) {
        int64_t size;
        const char *at = read_digits(text, BT_LADDER_BATCH_MAX, &size);
        if (!at || *at != ':' || !(at = read_time(at + 1, &ladder->service_ns[i]))) return false;
        ladder->sizes[i] = (int)size;
        ladder->size_count = i + 1;
        if (*at == '\0') return true;
        if (*at != ',') return false;
        text = at + 1;
    }
    return false;
}

static bool read_breaker(const char *text, bt_breaker_options *breaker) {
    int64_t failures, probes;
    const char *at = read_digits(text, 1000, &failures);
    if (!at || *at != ':' || !(at = read_digits(at + 1, 1000, &probes)) || *at != ':') return false;
    if (!(at = read_time(at + 1, &breaker->cooldown_ns)) || *at != ':') return false;
    breaker->failures = (int)failures;
    breaker->probes = (int)probes;
    return is_time(at + 1, &breaker->cooldown_max_ns);
}

/* One of a model's options, whichever the next word is. */
static bool read_option(reader *r, bt_batcher_model *model) {
    const char *value;
    if (take(r, "admission")) return model->admission = true;
    if (take(r, "failover")) return model->failover = true;
    if ((value = take_value(r, "standard"))) return is_time(value, &model->ladder.standard_ns);
    if ((value = take_value(r, "max_batch")))
        return is_number(value, 1, BT_LADDER_BATCH_MAX, &model->max_batch_size);
    if ((value = take_value(r, "queue"))) return is_number(value, 1, 100000, &model->max_queue_size);
    if ((value = take_value(r, "delay"))) return is_time(value, &model->max_queue_delay_ns);
    if ((value = take_value(r, "promise"))) return is_time(value, &model->promise_ns);
    if ((value = take_value(r, "overtake"))) return is_time(value, &model->overtake_ns);
    if ((value = take_value(r, "watchdog"))) return is_time(value, &model->watchdog_ns);
    if ((value = take_value(r, "breaker"))) return read_breaker(value, &model->breaker);
    return is_policy(take_value(r, "policy"), &model->policy);
}

static bt_status read_model(reader *r) {
    bt_ladder ladder = {0};
    int number;
    if (r->t->model_count == TRACE_MODELS_MAX || r->t->event_count > 0)
        return refuse(r, "no place for a model");
    if (!is_number(next_word(r), r->t->model_count, r->t->model_count, &number) ||
        !read_ladder(take_value(r, "ladder"), &ladder))
        return refuse(r, "not a model's number and ladder");
    bt_batcher_model *model = &r->t->models[r->t->model_count++];
    *model = trace_plain_model(&ladder);
    while (r->at < r->count)
        if (!read_option(r, model)) return refuse(r, "not an option of a model");
    return BT_OK;
}

static bt_status read_instance(reader *r) {
    trace *t = r->t;
    int number;
    if (t->instance_count == TRACE_INSTANCES_MAX || t->event_count > 0)
        return refuse(r, "no place for an instance");
    bt_batcher_instance *instance = &t->instances[t->instance_count];
    if (!is_number(next_word(r), t->instance_count, t->instance_count, &number) ||
        !is_number(take_value(r, "model"), 0, t->model_count - 1, &instance->model) ||
        !is_number(take_value(r, "device"), 0, 1000, &instance->device))
        return refuse(r, "not an instance's number, model and device");
    t->instance_count++;
    return BT_OK;
}

/* ---- events ---- */

/* How a run goes, as far as the next words say. */
static bool read_run(reader *r, const char *takes, const char *ends, trace_run *run) {
    const char *value;
    int outcome = BT_RUN_GOOD;
    *run = TRACE_PLAIN_RUN;
    if ((value = take_value(r, takes)) && !is_time(value, &run->takes_ns)) return false;
    if ((value = take_value(r, ends)) && !is_one_of(value, trace_outcome_words, &outcome)) return false;
    run->outcome = (bt_run_outcome)outcome;
    return true;
}

static bt_status read_submit(reader *r, trace_event *event) {
    const char *value;
    event->kind = TRACE_SUBMIT;
    event->within_ns = BT_NEVER_NS;
    if (!is_number(next_word(r), r->t->request_count, r->t->request_count, &event->request) ||
        r->t->request_count == TRACE_REQUESTS_MAX)
        return refuse(r, "not the next request's number");
    if (!is_number(take_value(r, "model"), 0, r->t->model_count - 1, &event->model))
        return refuse(r, "not a model");
    if ((value = take_value(r, "within")) && !is_time(value, &event->within_ns))
        return refuse(r, "not a time");
    if ((value = take_value(r, "priority")) && !is_number(value, 1, BT_PRIORITIES, &event->priority))
        return refuse(r, "not a priority");
    event->standard = take(r, "standard");
    if (!read_run(r, "takes", "ends", &event->first) ||
        !read_run(r, "again-takes", "again-ends", &event->again))
        return refuse(r, "not how a run goes");
    return BT_OK;
}

static bt_status read_change(reader *r, trace_event *event) {
    bt_batcher_change *change = &event->change;
    event->kind = TRACE_CHANGE;
    if (!is_number(take_value(r, "model"), 0, r->t->model_count - 1, &event->model) ||
        !is_number(take_value(r, "max_batch"), 1, BT_LADDER_BATCH_MAX, &change->max_batch_size) ||
        !is_number(take_value(r, "queue"), 1, 100000, &change->max_queue_size) ||
        !is_time(take_value(r, "delay"), &change->max_queue_delay_ns) ||
        !is_policy(take_value(r, "policy"), &change->policy) ||
        !is_time(take_value(r, "promise"), &change->promise_ns))
        return refuse(r, "not a change of all five options in their order");
    return BT_OK;
}

static bool read_status(const char *word, bt_status *out) {
    char name[64];
    if (!word || strlen(word) >= sizeof name) return false;
    for (size_t i = 0; i <= strlen(word); i++)
        name[i] = (char)(word[i] == '-' ? ' ' : word[i]);
    for (int status = BT_OK; status <= BT_NOT_WRITTEN; status++)
        if (strcmp(name, bt_status_name((bt_status)status)) == 0) {
            *out = (bt_status)status;
            return true;
        }
    return false;
}

static bt_status read_expectation(reader *r, int64_t at_ns) {
    trace_expectation e = {.at_ns = at_ns};
    if (take(r, "run"))
        e.wanted = TRACE_RUN;
    else if (take(r, "answer"))
        e.wanted = TRACE_ANSWER;
    else if (take(r, "refused"))
        e.wanted = TRACE_REFUSED;
    else
        return refuse(r, "neither a run, an answer nor a refusal");
    const int most = e.wanted == TRACE_RUN ? TRACE_EXPECTED_MAX : 1;
    while (e.count < most && r->at < r->count &&
           is_number(r->words[r->at], 0, r->t->request_count - 1, &e.requests[e.count])) {
        e.count++;
        r->at++;
    }
    if (e.count == 0) return refuse(r, "not a request that has come");
    if (e.wanted != TRACE_RUN) {
        if (!read_status(next_word(r), &e.status)) return refuse(r, "not an answer");
    } else if (!is_number(take_value(r, "size"), e.count, BT_LADDER_BATCH_MAX, &e.run_size) ||
               !is_number(take_value(r, "instance"), 0, r->t->instance_count - 1, &e.instance)) {
        return refuse(r, "not a run's size and instance");
    } else {
        e.standard = take(r, "standard");
    }
    trace_add_expectation(r->t, &e);
    return BT_OK;
}

static bt_status read_at(reader *r) {
    trace_event event = {.at_ns = 0};
    bt_status status = BT_OK;
    if (!is_time(next_word(r), &event.at_ns) || event.at_ns < r->last_ns)
        return refuse(r, "not a time, or before the last");
    r->last_ns = event.at_ns;
    if (take(r, "expect")) return read_expectation(r, event.at_ns);
    if (take(r, "submit"))
        status = read_submit(r, &event);
    else if (take(r, "change"))
        status = read_change(r, &event);
    else if (take(r, "drain"))
        event.kind = TRACE_DRAIN;
    else if (take(r, "abandon"))
        event.kind = TRACE_ABANDON;
    else if (!take(r, "cancel"))
        return refuse(r, "not an event");
    else if (!is_number(next_word(r), 0, r->t->request_count - 1, &event.request))
        return refuse(r, "not a request that has come");
    else
        event.kind = TRACE_CANCEL;
    if (status == BT_OK) trace_add_event(r->t, &event);
    return status;
}

/* ---- lines ---- */

static bt_status read_line(reader *r, char *line) {
    bt_status status;
    char *rest = NULL;
    r->count = r->at = 0;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (r->count == WORDS_MAX) return refuse(r, "more words than a line has");
        r->words[r->count++] = word;
    }
    if (r->count == 0 || r->words[0][0] == '#') return BT_OK;
    if (take(r, "at"))
        status = read_at(r);
    else if (take(r, "model"))
        status = read_model(r);
    else if (take(r, "instance"))
        status = read_instance(r);
    else
        return refuse(r, "not a line of a trace");
    if (status == BT_OK && r->at < r->count) return refuse(r, "a word too many");
    return status;
}

bt_status trace_read(trace *t, const char *text, bt_error *error) {
    reader r = {.t = t, .error = error};
    bt_status status = BT_OK;
    trace_clear(t);
    char *copy = strdup(text), *rest = copy;
    if (!copy) return bt_no_memory(error, "a trace");
    for (int number = 1; rest && status == BT_OK; number++) {
        char *line = strsep(&rest, "\n");
        if (number == 1 && strcmp(line, TRACE_HEAD) != 0)
            status = bt_fail(error, BT_PARSE, "it does not begin with \"" TRACE_HEAD "\"");
        else if (number > 1)
            status = read_line(&r, line);
        if (status != BT_OK) bt_fail_at(error, status, "line %d", number);
    }
    free(copy);
    if (status == BT_OK && (t->model_count == 0 || t->instance_count == 0))
        status = bt_fail(error, BT_PARSE, "a trace has a model and an instance");
    return status;
}

bt_status trace_read_file(trace *t, const char *path, bt_error *error) {
    char *text;
    size_t size;
    bt_status status = bt_file_read(path, 1 << 28, &text, &size, error);
    if (status != BT_OK) return status;
    status = trace_read(t, text, error);
    free(text);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", path);
}
