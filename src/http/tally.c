#include "http/tally.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fields.h"

/* What HTTP has; others count with the last. */
#define CODES 600

typedef enum path {
    PATH_INFER,
    PATH_SEGMENT,
    PATH_MODELS,
    PATH_HEALTH,
    PATH_METRICS,
    PATH_PAGE,
    PATH_OTHER,
    PATHS
} path;
static const char *const names[PATHS] = {"infer", "segment", "models", "health", "metrics", "page", "other"};

typedef struct kept_error {
    double at_s;
    path path;
    unsigned code;
    char message[BT_ERROR_MESSAGE_SIZE];
} kept_error;

struct bt_tally {
    atomic_ullong answers[PATHS][CODES];
    pthread_mutex_t lock; /* of what follows */
    kept_error errors[BT_TALLY_ERRORS];
    unsigned long long error_count; /* ever; the newest is the last of a ring */
};

bt_status bt_tally_open(bt_tally **out, bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "a server");
    pthread_mutex_init(&(*out)->lock, NULL);
    return BT_OK;
}

void bt_tally_close(bt_tally **tally) {
    if (!*tally) return;
    pthread_mutex_destroy(&(*tally)->lock);
    free(*tally);
    *tally = NULL;
}

static path path_of(bt_http_target target) {
    switch (target) {
    case BT_HTTP_INFER:
        return PATH_INFER;
    case BT_HTTP_SEGMENT:
        return PATH_SEGMENT;
    case BT_HTTP_SERVER:
    case BT_HTTP_MODEL:
    case BT_HTTP_MODEL_CONFIG:
    case BT_HTTP_MODEL_STATS:
    case BT_HTTP_ALL_STATS:
    case BT_HTTP_INDEX:
        return PATH_MODELS;
    case BT_HTTP_LIVE:
    case BT_HTTP_READY:
    case BT_HTTP_MODEL_READY:
        return PATH_HEALTH;
    case BT_HTTP_METRICS:
        return PATH_METRICS;
    case BT_HTTP_PAGE:
    case BT_HTTP_STATUS:
    case BT_HTTP_EXPLAIN:
        return PATH_PAGE;
    case BT_HTTP_NOTHING:
        break;
    }
    return PATH_OTHER;
}

void bt_tally_count(bt_tally *tally, bt_http_target target, unsigned code) {
    atomic_fetch_add_explicit(&tally->answers[path_of(target)][code < CODES ? code : CODES - 1], 1,
                              memory_order_relaxed);
}

void bt_tally_error(bt_tally *tally, bt_http_target target, unsigned code, const char *message) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&tally->lock);
    kept_error *kept = &tally->errors[tally->error_count++ % BT_TALLY_ERRORS];
    kept->at_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    kept->path = path_of(target);
    kept->code = code;
    snprintf(kept->message, sizeof kept->message, "%s", message);
    pthread_mutex_unlock(&tally->lock);
}

void bt_tally_expose(bt_tally *tally, bt_exposition *page) {
    static const bt_family family = {
        "batchtune_http_requests", BT_FAMILY_COUNTER,
        "Requests by what they were for and the status that they were answered with."};
    bt_exposition_family(page, &family);
    for (int p = 0; p < PATHS; p++)
        for (int c = 0; c < CODES; c++) {
            const unsigned long long count =
                atomic_load_explicit(&tally->answers[p][c], memory_order_relaxed);
            char code[16];
            if (count == 0) continue;
            snprintf(code, sizeof code, "%d", c);
            const bt_exposition_label labels[] = {{"path", names[p]}, {"code", code}};
            bt_exposition_sample(page, "", labels, 2, (double)count);
        }
}

/* Under the lock. */
static json_t *errors_to_json(const bt_tally *tally) {
    json_t *errors = json_array();
    for (unsigned long long i = 0; errors && i < tally->error_count && i < BT_TALLY_ERRORS; i++) {
        const kept_error *kept = &tally->errors[(tally->error_count - 1 - i) % BT_TALLY_ERRORS];
        json_t *object = json_pack("{s:f, s:s, s:i, s:o}", "at_s", kept->at_s, "path", names[kept->path],
                                   "code", (int)kept->code, "message", bt_field_text(kept->message));
        if (json_array_append_new(errors, object) == 0) continue;
        json_decref(errors);
        errors = NULL;
    }
    return errors;
}

json_t *bt_tally_errors(bt_tally *tally) {
    pthread_mutex_lock(&tally->lock);
    json_t *errors = errors_to_json(tally);
    pthread_mutex_unlock(&tally->lock);
    return errors;
}
