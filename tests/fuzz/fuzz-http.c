/* Whatever a stranger sends to the server: a path, a packed body, an inference request with its tensors. */
#include <stdlib.h>

#include "http/infer.h"
#include "http/inflate.h"
#include "http/numbers.h"
#include "http/route.h"
#include "input.h"

#define UNPACKED_MAX ((size_t)1 << 20)

#define MEMORY_BYTES ((size_t)256 << 20)

/* Whatever it takes comes out of its account, and it never has more than there is. */
static void read_request(const uint8_t *data, size_t size, int64_t header_length) {
    bt_budget budget = {.limit_bytes = MEMORY_BYTES};
    bt_account account = {.budget = &budget};
    const bt_infer_limits limits = {
        .pictures = 8, .polygons = true, .height = 2, .width = 2, .account = &account};
    bt_infer_request request;
    bt_error error;
    (void)bt_infer_is_slow(data, size, header_length);
    if (bt_infer_request_read(&request, data, size, header_length, &limits, &error) == BT_OK)
        bt_infer_request_close(&request);
    if (account.bytes > MEMORY_BYTES) abort();
    bt_account_set(&account, 0);
    if (atomic_load(&budget.used_bytes) != 0) abort();
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

#define NUMBERS_MAX 256

/* The array alone, as whole numbers and as others; room never decides what is refused. */
static void read_numbers(const uint8_t *data, size_t size) {
    const bt_numbers numbers = {(const char *)data, size};
    uint8_t bytes[NUMBERS_MAX];
    float floats[NUMBERS_MAX];
    size_t byte_count, float_count, count;
    bt_error error;
    const bt_status whole = bt_numbers_read_uint8(bytes, NUMBERS_MAX, &byte_count, numbers, &error);
    const bt_status all = bt_numbers_read_fp32(floats, NUMBERS_MAX, &float_count, numbers, &error);
    if (bt_numbers_read_uint8(NULL, 0, &count, numbers, &error) != whole || count != byte_count) abort();
    if (whole != BT_OK) return;
    if (all != BT_OK || float_count != byte_count || byte_count > bt_numbers_most(numbers)) abort();
    for (size_t i = 0; i < byte_count && i < NUMBERS_MAX; i++)
        if ((float)bytes[i] != floats[i]) abort();
}

/* The first byte says what the others are; of a binary request the next two say how many of them are JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    if (data[0] == 'j') read_request(data + 1, size - 1, BT_INFER_ALL_JSON);
    if (data[0] == 'b') read_request(data + 3, size - 3, data[1] * 256 + data[2]);
    if (data[0] == 'r') read_request(data + 1, size - 1, 0);
    if (data[0] == 'n') read_numbers(data + 1, size - 1);
    if (data[0] == 'p') unpack(data + 1, size - 1);
    if (data[0] == '/') {
        char *path = fuzz_text(data, size);
        if (path) (void)bt_route_of(path);
        free(path);
    }
    return 0;
}
