/* What serve-production is asked to do: the service's own rows, and where and how it listens. */
#ifndef BT_SETTINGS_HTTP_H
#define BT_SETTINGS_HTTP_H

#include "base/options.h"
#include "settings/service.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_http_settings {
    bt_service_settings service;      /* first: its rows are this table's first ones, and have its sources */
    char listen[BT_OPTION_TEXT_SIZE]; /* an address as numbers */
    int64_t port;                     /* 0: one that is free */
    int64_t body_limit_mb;            /* 0: what the models' largest batches need, see bt_http_body_limit */
    int64_t memory_limit_mb;          /* 0: bt_budget_usual_bytes */
    int64_t connections;
    int64_t http_threads; /* that read requests and write answers; and as many that decode */
    double header_timeout_seconds, idle_timeout_seconds, request_timeout_seconds;
    double drain_seconds;
    char keys[BT_OPTION_TEXT_SIZE], metrics_keys[BT_OPTION_TEXT_SIZE]; /* files; "": none are asked for */
    char cors_origins[BT_OPTION_TEXT_SIZE];                            /* with commas between; "": none */
    char access_log[BT_OPTION_TEXT_SIZE];                              /* a file, "-"; "": none */
    /* this one run */
    bt_names models; /* none: all of the config's */
    char config[BT_OPTION_TEXT_SIZE];
    bool quiet;
} bt_http_settings;

/* The whole table; `count` receives its length. Made at the first call, constant after; any thread. */
const bt_option *bt_http_settings_table(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
