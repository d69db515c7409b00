/* Whatever a stranger sends to the server: a path, a packed body, an inference request with its tensors. */
#include <stdlib.h>

#include "http/infer.h"
#include "http/inflate.h"
#include "http/route.h"
#include "input.h"

#define UNPACKED_MAX ((size_t)1 << 20)

static void read_request(const uint8_t *data, size_t size, int64_t header_length) {
    const bt_infer_limits limits = {.pictures = 8, .polygons = true};
    bt_infer_request request;
    bt_error error;
    if (bt_infer_request_read(&request, data, size, header_length, &limits, &error) == BT_OK)
        bt_infer_request_close(&request);
}

static void unpack(const uint8_t *data, size_t size) {
    uint8_t *body;
    size_t body_size;
    bt_error error;
    if (bt_inflate(&body, &body_size, data, size, UNPACKED_MAX, &error) != BT_OK) return;
    if (body_size > UNPACKED_MAX) abort();
    read_request(body, body_size, BT_INFER_ALL_JSON);
    free(body);
}

/* The first byte says what the others are; of a binary request the next two say how many of them are JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    if (data[0] == 'j') read_request(data + 1, size - 1, BT_INFER_ALL_JSON);
    if (data[0] == 'b') read_request(data + 3, size - 3, data[1] * 256 + data[2]);
    if (data[0] == 'r') read_request(data + 1, size - 1, 0);
    if (data[0] == 'p') unpack(data + 1, size - 1);
    if (data[0] == '/') {
        char *path = fuzz_text(data, size);
        if (path) (void)bt_route_of(path);
        free(path);
    }
    return 0;
}
