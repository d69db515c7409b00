/* The tuned config as a service, and the change to what the config says now, while the one before serves on.
 *
 * The new service is opened, loaded and warmed beside the old one; only then do requests go to it (bt_http_server_swap).
 * So a config that is broken, names what is not there, or does not fit beside the other changes nothing. What is given
 * at the start stays: the port, threads and bounds, and every setting that was given, which goes over the config's. */
#ifndef BT_HTTP_RELOAD_H
#define BT_HTTP_RELOAD_H

#include "base/log.h"
#include "base/options.h"
#include "http/server.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_http_served {
    bt_config *config;
    bt_service *service;
} bt_http_served;

/* Reads the config that the settings name and opens its service; nothing is loaded yet. Settings, sources and `log` must
 * outlive it. *out is empty on failure; errors as bt_config_load and bt_serving_open. */
BT_MUST_USE bt_status bt_http_served_open(bt_http_served *out, const bt_http_settings *settings,
                                          const bt_option_sources *sources, bt_log *log, bt_error *error);
void bt_http_served_close(bt_http_served *served); /* leaves it empty; safe on an empty one */

/* Changes *served, which the server serves, to what the config says now: takes as long as loading takes. Where that
 * fails, the one before serves on and the error says why: as opening and starting do, and BT_NO_MEMORY where both do not
 * fit at once. BT_OK with a line in `log` where the change was made, but requests of the one before had to be given up.
 * Counts in the server's metrics. Not while the server is closed. */
BT_MUST_USE bt_status bt_http_reload(bt_http_served *served, bt_http_server *server,
                                     const bt_http_settings *settings, const bt_option_sources *sources,
                                     bt_log *log, bt_error *error);

/* How long requests that a service has may run on when it ends, in ms. Raised, a batch that hangs holds up the end;
 * lowered, large batches are given up. */
#define BT_HTTP_STOP_MS 30000.0

/* The models' names, for people. */
void bt_http_served_names(const bt_http_served *served, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
