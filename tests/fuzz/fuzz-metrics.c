/* A service's metrics, as JSON and for Prometheus: pages that anybody may hand to explain-batching. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "input.h"
#include "serving/metrics-read.h"

static void read_page(const char *text) {
    bt_metrics *metrics;
    int count;
    bt_error error;
    if (bt_metrics_from_prometheus(&metrics, &count, text, "page", &error) == BT_OK) free(metrics);
}

static void read_json(const char *text, size_t size) {
    bt_metrics *metrics;
    json_t *top;
    int count;
    bt_error error;
    if (bt_json_from_text(&top, text, size, "page", &error) != BT_OK) return;
    if (bt_metrics_is_json(top) && bt_metrics_from_json(&metrics, &count, top, "page", &error) == BT_OK)
        free(metrics);
    json_decref(top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_page(text);
    read_json(text, size);
    free(text);
    return 0;
}
