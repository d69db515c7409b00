#include "live-service.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

#define STOP_MS 10000

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "live-service: %s\n", error->message);
    abort();
}

static void write_config(FILE *out, const live_service *about) {
    static const char *const names[] = {"hrnet", "cbam_resunet"};
    bt_text_print(out,
                  "{\"schema_version\": 1, \"settings\": {\"backend\": \"%s\", \"max_queue_delay_ms\": %g}, "
                  "\"configurations\": {",
                  about->backend, about->max_queue_delay_ms);
    for (int i = 0; i < about->model_count; i++)
        fprintf(out, "%s\"%s\": {\"optimal_batch_size\": %d, \"image_size\": %d}", i ? ", " : "", names[i],
                about->batch_size, about->image_size);
    fputs("}}", out);
}

bt_service *live_service_open(const live_service *about) {
    bt_error error = {BT_IO, "no temporary file"};
    bt_service *service = NULL;
    char path[] = "/tmp/live-service-XXXXXX";
    int descriptor = mkstemp(path);
    FILE *out = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!out) must(BT_IO, &error);
    write_config(out, about);
    must(fclose(out) == 0 ? BT_OK : BT_IO, &error);
    const bt_service_options options = {.config = path, .settings = about->settings};
    must(bt_service_open(&service, &options, &error), &error);
    unlink(path);
    return service;
}

bt_service *live_service_start(const live_service *about) {
    bt_error error;
    bt_service *service = live_service_open(about);
    must(bt_service_start(service, &error), &error);
    return service;
}

void live_service_end(bt_service *service) {
    bt_error error;
    must(bt_service_stop(service, STOP_MS, &error), &error);
    bt_service_close(&service);
}
