/* A live service over a simulated backend, for benches and tests: no tuned config needed. */
#ifndef BT_TESTS_LIVE_SERVICE_H
#define BT_TESTS_LIVE_SERVICE_H

#include "batchtune.h"

/* What the config file would say. */
typedef struct live_service {
    const char *backend; /* "sim:..." */
    int batch_size;      /* of every model; the ladder is 1, 2, 4, ... up to it */
    int image_size;
    double max_queue_delay_ms; /* the config's; `settings` go over it */
    int model_count;           /* 1: "hrnet"; 2: "cbam_resunet" too */
    const char *settings;      /* may be NULL */
} live_service;

/* Opened, not started. Prints why and ends the program where that fails; so does live_service_start. */
bt_service *live_service_open(const live_service *about);
bt_service *live_service_start(const live_service *about);

/* Stops it within ten seconds and closes it. */
void live_service_end(bt_service *service);

#endif
