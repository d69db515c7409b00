#include "http/access.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/random.h"
#include "http/access-log.h"
#include "http/key-file.h"
#include "http/origins.h"

struct bt_access {
    const bt_http_settings *settings;
    bt_log *log;
    bt_key_file *keys, *metrics_keys; /* NULL: none are asked for */
    bt_access_log *lines;
    atomic_llong refused, numbers;
    uint64_t seed;
};

static bt_status open_keys(bt_key_file **out, const char *path, const char *option, bt_log *log,
                           bt_error *error) {
    if (!path[0]) return BT_OK;
    bt_status status = bt_key_file_open(out, path, log, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", option);
}

bt_status bt_access_open(bt_access **out, const bt_http_settings *settings, bt_log *log, bt_error *error) {
    bt_access *access = calloc(1, sizeof *access);
    *out = access;
    if (!access) return bt_no_memory(error, "the keys");
    access->settings = settings;
    access->log = log;
    if (getrandom(&access->seed, sizeof access->seed, GRND_NONBLOCK) != sizeof access->seed)
        access->seed = (uint64_t)bt_clock_now_ns(); /* at a boot: unlikely to be another's, and no secret */
    bt_status status = bt_origins_check(settings->cors_origins, error);
    if (status != BT_OK) status = bt_fail_at(error, status, "--cors-origins");
    if (status == BT_OK) status = open_keys(&access->keys, settings->keys, "--keys", log, error);
    if (status == BT_OK)
        status = open_keys(&access->metrics_keys, settings->metrics_keys, "--metrics-keys", log, error);
    if (status == BT_OK && settings->access_log[0])
        status = bt_access_log_open(&access->lines, settings->access_log, error);
    if (status != BT_OK) bt_access_close(out);
    return status;
}

void bt_access_close(bt_access **access) {
    if (!*access) return;
    bt_access_log_close(&(*access)->lines);
    bt_key_file_close(&(*access)->keys);
    bt_key_file_close(&(*access)->metrics_keys);
    free(*access);
    *access = NULL;
}

static void look(bt_access *access, bool always) {
    if (access->keys) bt_key_file_look(access->keys, always);
    if (access->metrics_keys) bt_key_file_look(access->metrics_keys, always);
}

void bt_access_look(bt_access *access) {
    look(access, false);
}

void bt_access_reopen(bt_access *access) {
    bt_error error;
    look(access, true);
    if (access->lines && bt_access_log_reopen(access->lines, &error) != BT_OK)
        bt_log_write(access->log, BT_LOG_WARNING, "%s; it goes on in the file that it has", error.message);
}

/* Metrics have keys of their own, or everybody's. */
static bt_key_file *keys_for(const bt_access *access, bt_http_target target) {
    switch (bt_route_door(target)) {
    case BT_DOOR_OPEN:
        return NULL;
    case BT_DOOR_METRICS:
        return access->metrics_keys ? access->metrics_keys : access->keys;
    default:
        return access->keys;
    }
}

bool bt_access_admits(bt_access *access, bt_http_target target, const char *authorization,
                      char name[BT_NAME_SIZE]) {
    bt_key_file *keys = keys_for(access, target);
    name[0] = '\0';
    if (!keys || bt_key_file_admits(keys, authorization, name)) return true;
    atomic_fetch_add(&access->refused, 1);
    return false;
}

bool bt_access_allows_origin(const bt_access *access, const char *origin) {
    return bt_origins_allow(access->settings->cors_origins, origin);
}

bool bt_access_has_origins(const bt_access *access) {
    return access->settings->cors_origins[0] != '\0';
}

bool bt_access_logs(const bt_access *access) {
    return access->lines != NULL;
}

void bt_access_write(bt_access *access, const bt_access_line *line) {
    if (access->lines) bt_access_log_add(access->lines, line);
}

/* A bijection of what is counted: none comes twice. */
uint64_t bt_access_number(bt_access *access) {
    bt_random numbers = {access->seed ^ (uint64_t)atomic_fetch_add(&access->numbers, 1)};
    return bt_random_next(&numbers);
}

bt_access_counts bt_access_count(bt_access *access) {
    bt_access_counts counts = {.refused = atomic_load(&access->refused)};
    if (access->lines) {
        const bt_access_log_counts lines = bt_access_log_count(access->lines);
        counts.log_lines = lines.written;
        counts.log_lines_dropped = lines.dropped;
    }
    return counts;
}
