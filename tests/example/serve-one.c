/* Serves one picture through the shared service and tells what came of it. The config is $BATCHTUNE_CONFIG,
 * or configs/production_batch_config.json.
 *
 *     cc serve-one.c $(pkg-config --cflags --libs batchtune) -o serve-one && ./serve-one hrnet */
#include <batchtune.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 256

int main(int argc, char **argv) {
    const char *model = argc > 1 ? argv[1] : "hrnet";
    bt_service *service = bt_service_shared();
    bt_error error = {BT_NO_MEMORY, "out of memory"};
    bt_result result;
    bt_metrics metrics;
    unsigned char *image = (unsigned char *)calloc(SIDE * SIDE, 3),
                  *mask = (unsigned char *)malloc(SIDE * SIDE);
    bt_request request;
    memset(&request, 0, sizeof request);
    request.image = image;
    request.height = request.width = SIDE;
    request.model = model;
    request.timeout_ms = 10000;
    request.mask = mask;
    if (!image || !mask || bt_service_start(service, &error) != BT_OK ||
        bt_service_infer(service, &request, &result, &error) != BT_OK ||
        bt_service_metrics(service, model, &metrics, &error) != BT_OK) {
        fprintf(stderr, "serve-one: %s\n", error.message);
        return 1;
    }
    printf("%s, batch of %d, %.1f ms (queue %.1f, service %.1f)\n", result.inference_mode, result.batch_size,
           result.latency_ms, result.queue_ms, result.service_ms);
    printf("%llu answered, P95 %.1f ms\n", (unsigned long long)metrics.ok, metrics.latency.p95);
    if (bt_service_stop(service, 1000, &error) != BT_OK) fprintf(stderr, "serve-one: %s\n", error.message);
    free(image);
    free(mask);
    return 0;
}
