/* Servers under test: what they say of themselves before anything is sent, and what they count meanwhile. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "prove/trial-state.h"

/* How long a server may take to say what it is. */
#define ASK_LIMIT_MS 10000

/* An answer that takes longer is given up: within what the generator waits for the last ones. */
#define ANSWER_LIMIT_MS (BT_TRIAL_DRAIN_NS / BT_NS_PER_MS - 1000)

/* ---- what may be asked for ---- */

/* The settings of a service that are told to a server, or are its judge's; all others are its own. */
static bool is_told(const char *name) {
    static const char *const told[] = {"p95_sla_ms", "timeout_ms", "image_size"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(told[i], name) == 0) return true;
    return false;
}

bt_status bt_trial_remote_check(const bt_load_settings *settings, const bt_option_sources *sources,
                                bt_error *error) {
    bt_endpoints endpoints;
    if (bt_endpoints_read(&endpoints, settings->endpoint, error) != BT_OK)
        return bt_fail_at(error, BT_INVALID, "--endpoint");
    for (size_t i = 0; i < bt_service_settings_count; i++) {
        const char *name = bt_service_settings_table[i].name;
        if (sources->of[i] == BT_SOURCE_DEFAULT || is_told(name)) continue;
        return bt_fail(error, BT_INVALID,
                       "%s is the server's own setting: it cannot be given with --endpoint", name);
    }
    return BT_OK;
}

/* ---- asking ---- */

/* An answer of 200, or what was wrong. The text is the caller's. */
static bt_status ask(const char *url, bool post, char **text, size_t *size, int *http_status,
                     bt_error *error) {
    char words[BT_ERROR_MESSAGE_SIZE];
    bt_status status = bt_client_ask(url, post, ASK_LIMIT_MS, http_status, text, size, error);
    if (status != BT_OK || *http_status == 200) return status;
    bt_answer_error((const uint8_t *)*text, *size, words);
    free(*text);
    *text = NULL;
    return bt_fail(error, BT_IO, "%s: HTTP %d%s%s", url, *http_status, words[0] ? ": " : "", words);
}

static bt_status read_server(bt_trial_remote *r, int index, bt_error *error) {
    char url[BT_ENDPOINT_PATH_SIZE], *text;
    size_t size;
    int http_status;
    snprintf(url, sizeof url, "%s/v2/health/ready", r->endpoints.urls[index]);
    bt_status status = ask(url, false, &text, &size, &http_status, error);
    if (status != BT_OK) return status;
    free(text);
    snprintf(url, sizeof url, "%s/v2", r->endpoints.urls[index]);
    status = ask(url, false, &text, &size, &http_status, error);
    if (status != BT_OK) return status;
    status = bt_remote_server_read(&r->servers[index], text, size, url, error);
    free(text);
    return status;
}

static bt_status read_index(const bt_trial_remote *r, int index, bt_names *out, bt_error *error) {
    char url[BT_ENDPOINT_PATH_SIZE], *text;
    size_t size;
    int http_status;
    snprintf(url, sizeof url, "%s/v2/repository/index", r->endpoints.urls[index]);
    bt_status status = ask(url, true, &text, &size, &http_status, error);
    if (status != BT_OK) return status;
    status = bt_remote_index_read(out, text, size, url, error);
    free(text);
    return status;
}

/* With the models that there are, as far as the server tells. */
static bt_status fail_model(const bt_trial_remote *r, int index, const char *name, bt_error *error) {
    bt_names names;
    bt_error ignored;
    char list[BT_ERROR_MESSAGE_SIZE] = "";
    if (read_index(r, index, &names, &ignored) != BT_OK) return error->status;
    for (int i = 0; i < names.count; i++)
        bt_text_append(list, sizeof list, "%s%s", i ? ", " : "", names.names[i]);
    return bt_fail(error, BT_INVALID, "%s has no model \"%s\"; it has %s", r->endpoints.urls[index], name,
                   names.count > 0 ? list : "none that is ready");
}

static bt_status read_model(const bt_trial_remote *r, int index, const char *name, bt_remote_model *out,
                            bt_error *error) {
    char url[BT_ENDPOINT_PATH_SIZE], *text;
    size_t size;
    int http_status;
    bt_status status = bt_endpoint_of_model(url, r->endpoints.urls[index], name, "", error);
    if (status == BT_OK) status = ask(url, false, &text, &size, &http_status, error);
    if (status != BT_OK)
        return http_status >= 400 && http_status < 500 ? fail_model(r, index, name, error) : status;
    status = bt_remote_model_read(out, text, size, url, error);
    free(text);
    return status;
}

/* Not every server has one. */
static void read_config(const bt_trial_remote *r, const char *name, bt_remote_model *out) {
    char url[BT_ENDPOINT_PATH_SIZE], *text;
    size_t size;
    int http_status;
    bt_error ignored;
    if (bt_endpoint_of_model(url, r->endpoints.urls[0], name, "/config", &ignored) != BT_OK) return;
    if (ask(url, false, &text, &size, &http_status, &ignored) != BT_OK) return;
    bt_remote_model_read_config(out, text, size);
    free(text);
}

/* ---- opening ---- */

/* Those that were asked for, else the config's, else all that the first server has. */
static bt_status choose_models(bt_trial *t, bt_error *error) {
    bt_trial_remote *r = t->remote;
    const bt_config *config = t->options->config;
    r->names = t->settings->models;
    for (int i = 0; config && t->settings->models.count == 0 && i < config->model_count && i < BT_NAMES_MAX;
         i++)
        snprintf(r->names.names[r->names.count++], BT_NAME_SIZE, "%s", config->models[i].name);
    bt_status status = r->names.count == 0 ? read_index(r, 0, &r->names, error) : BT_OK;
    if (status == BT_OK && r->names.count == 0)
        return bt_fail(error, BT_INVALID, "%s has no model that is ready", r->endpoints.urls[0]);
    t->model_count = r->names.count;
    for (int i = 0; i < t->model_count; i++)
        t->names[i] = r->names.names[i];
    return status;
}

static bt_status read_models(bt_trial *t, bt_error *error) {
    bt_trial_remote *r = t->remote;
    bt_status status = BT_OK;
    for (int m = 0; m < t->model_count && status == BT_OK; m++) {
        status = read_model(r, 0, t->names[m], &r->models[m], error);
        if (status == BT_OK) read_config(r, t->names[m], &r->models[m]);
        for (int e = 1; e < r->endpoints.count && status == BT_OK; e++) {
            bt_remote_model other;
            status = read_model(r, e, t->names[m], &other, error);
            if (status == BT_OK && !bt_remote_model_alike(&r->models[m], &other))
                status = bt_fail(error, BT_UNSUPPORTED,
                                 "%s and %s have two models called \"%s\", which take different "
                                 "pictures",
                                 r->endpoints.urls[0], r->endpoints.urls[e], t->names[m]);
        }
    }
    return status;
}

bt_status bt_trial_remote_open(bt_trial *t, bt_error *error) {
    bt_trial_remote *r = calloc(1, sizeof *r);
    if (!r) return bt_no_memory(error, "the servers' models");
    t->remote = r;
    bt_status status = bt_endpoints_read(&r->endpoints, t->settings->endpoint, error);
    for (int i = 0; i < r->endpoints.count && status == BT_OK; i++)
        status = read_server(r, i, error);
    if (status == BT_OK) status = choose_models(t, error);
    if (status == BT_OK) status = read_models(t, error);
    return status == BT_OK ? bt_client_open(&r->client, ANSWER_LIMIT_MS, error) : status;
}

void bt_trial_remote_close(bt_trial *t) {
    if (!t->remote) return;
    bt_client_close(&t->remote->client);
    free(t->remote);
    t->remote = NULL;
}

/* ---- the record ---- */

void bt_trial_remote_describe(bt_trial *t) {
    const bt_trial_remote *r = t->remote;
    bt_load_record *record = t->record;
    record->endpoint_count = r->endpoints.count;
    for (int i = 0; i < r->endpoints.count; i++) {
        bt_load_endpoint *out = &record->endpoints[i];
        snprintf(out->url, sizeof out->url, "%s", r->endpoints.urls[i]);
        snprintf(out->name, sizeof out->name, "%s", r->servers[i].name);
        snprintf(out->version, sizeof out->version, "%s", r->servers[i].version);
    }
    snprintf(record->workload, sizeof record->workload, "endpoint");
    bt_text_format(record->subject.runtime, sizeof record->subject.runtime, "%.40s %.20s", r->servers[0].name,
                   r->servers[0].version);
}

/* The first that is known. */
static int first_of(int a, int b, int c) {
    return a > 0 ? a : b > 0 ? b : c;
}

/* The model's own size, unless another was asked for; pictures that are given have theirs. */
static bt_status choose_size(bt_trial *t, int model, bt_error *error) {
    const bt_remote_model *remote = &t->remote->models[model];
    bt_trial_model *own = &t->models[model];
    const int asked = (int)t->settings->service.image_size, tuned = own->entry ? own->entry->image_size : 0;
    own->height = first_of(asked, remote->height, first_of(remote->own_height, tuned, 0));
    own->width = first_of(asked, remote->width, first_of(remote->own_width, tuned, 0));
    if ((own->height > 0 && own->width > 0) || t->side_count > 0 || t->picture_count > 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s takes pictures of any size, so say which to send: --image-size N",
                   t->names[model]);
}

static bt_status choose_sla(bt_trial *t, int model, bt_error *error) {
    const bt_config_model *entry = t->models[model].entry;
    double *sla_ms = &t->record->models[model].p95_sla_ms;
    *sla_ms = t->remote->models[model].p95_sla_ms;
    if (entry) *sla_ms = entry->settings.p95_sla_ms;
    if (t->settings->service.p95_sla_ms > 0) *sla_ms = t->settings->service.p95_sla_ms;
    if (*sla_ms > 0) return BT_OK;
    return bt_fail(error, BT_INVALID,
                   "neither the server nor a config says what is promised of %s: give --p95-sla-ms",
                   t->names[model]);
}

bt_status bt_trial_remote_describe_model(bt_trial *t, int model, bt_error *error) {
    const bt_trial_remote *r = t->remote;
    const bt_remote_model *remote = &r->models[model];
    const bt_config_model *entry =
        t->options->config ? bt_config_find(t->options->config, t->names[model]) : NULL;
    bt_load_model *out = &t->record->models[model];
    t->models[model] = (bt_trial_model){.entry = entry, .failover = true};
    bt_status status = choose_size(t, model, error);
    if (status == BT_OK) status = choose_sla(t, model, error);
    if (status != BT_OK) return status;
    snprintf(out->model, sizeof out->model, "%s", t->names[model]);
    snprintf(out->title, sizeof out->title, "%s", t->names[model]);
    snprintf(out->device, sizeof out->device, "%.100s%s", r->endpoints.urls[0],
             r->endpoints.count > 1 ? ", ..." : "");
    snprintf(out->backend, sizeof out->backend, "%s", t->record->subject.runtime);
    out->image_size = t->models[model].height;
    out->classes = remote->classes > 1 ? remote->classes : remote->map[0] != '\0';
    if (remote->classes == BT_REMOTE_CLASSES_UNKNOWN) out->classes = 0;
    out->batch_size = first_of(remote->max_batch_size, entry ? entry->optimal_batch_size : 0, 1);
    out->instances = r->endpoints.count * first_of(remote->instances, entry ? entry->instance_count : 0, 1);
    out->max_queue_delay_ms = isnan(remote->max_queue_delay_ms) && entry ? entry->settings.max_queue_delay_ms
                                                                         : remote->max_queue_delay_ms;
    out->config_meets_sla = !entry || entry->meets_sla;
    return BT_OK;
}

/* ---- statistics ---- */

static bool add_stats(const bt_trial_remote *r, int endpoint, const char *name, bt_remote_stats *sum) {
    char url[BT_ENDPOINT_PATH_SIZE], *text;
    size_t size;
    int http_status;
    bt_remote_stats more;
    bt_error ignored;
    if (bt_endpoint_of_model(url, r->endpoints.urls[endpoint], name, "/stats", &ignored) != BT_OK)
        return false;
    if (ask(url, false, &text, &size, &http_status, &ignored) != BT_OK) return false;
    const bool read = bt_remote_stats_read(&more, text, size, url, &ignored) == BT_OK;
    free(text);
    if (read) bt_remote_stats_add(sum, &more, 1);
    return read;
}

bt_remote_stats bt_trial_remote_stats(const bt_trial *t, int model) {
    bt_remote_stats sum = {0};
    for (int i = 0; i < t->remote->endpoints.count; i++)
        if (!add_stats(t->remote, i, t->names[model], &sum))
            return (bt_remote_stats){.untold = BT_REMOTE_NO_STATS};
    return sum;
}

/* Of a request; NaN where it is not told. */
static double mean_ms(const bt_remote_stats *s, int64_t ns, unsigned untold) {
    return s->requests > 0 && ns >= 0 && !(s->untold & untold) ? (double)ns / 1e6 / (double)s->requests : NAN;
}

static double count_of(const bt_remote_stats *s, int64_t count, unsigned untold) {
    return count >= 0 && !(s->untold & untold) ? (double)count : NAN;
}

/* What answers did not tell one by one is the server's to tell of all together, or not known. */
static void complete_split(bt_load_part *part) {
    const bt_load_server *server = &part->server;
    if (isfinite(part->mean_batch_size)) return;
    part->queue_mean_ms = part->queue_p95_ms = part->service_mean_ms = part->service_p95_ms = NAN;
    part->preprocess_mean_ms = part->deliver_mean_ms = NAN;
    part->mean_batch_size = server->mean_batch_size;
}

void bt_trial_remote_note(bt_load_part *part, const bt_remote_stats *meanwhile) {
    const bt_remote_stats *s = meanwhile;
    part->server = (bt_load_server){
        .requests = s->requests > 0 ? s->requests : 0,
        .failed = count_of(s, s->failed, BT_REMOTE_NO_FAILED),
        .runs = count_of(s, s->executions, BT_REMOTE_NO_RUNS),
        .total_mean_ms = mean_ms(s, s->total_ns, BT_REMOTE_NO_TOTAL),
        .queue_mean_ms = mean_ms(s, s->queue_ns, BT_REMOTE_NO_QUEUE),
        .input_mean_ms = mean_ms(s, s->input_ns, BT_REMOTE_NO_INPUT),
        .infer_mean_ms = mean_ms(s, s->infer_ns, BT_REMOTE_NO_INFER),
        .output_mean_ms = mean_ms(s, s->output_ns, BT_REMOTE_NO_OUTPUT),
        .mean_batch_size = s->executions > 0 && !(s->untold & BT_REMOTE_NO_RUNS)
                               ? (double)s->inferences / (double)s->executions
                               : NAN,
    };
    complete_split(part);
}
