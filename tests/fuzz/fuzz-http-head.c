/* What stands around a stranger's request: headers, a query, and whatever of them ends up in the log. And a file of
 * keys, which a person may have damaged. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/access-line.h"
#include "http/keys.h"
#include "http/media.h"
#include "http/origins.h"
#include "http/segment.h"
#include "http/trace-context.h"
#include "input.h"

/* What is taken is handed on in a form that is taken again. */
static void read_trace(const char *text) {
    bt_trace_context context, again;
    char written[BT_TRACEPARENT_SIZE];
    (void)bt_trace_state_is_valid(text);
    if (!bt_trace_read(&context, text)) return;
    bt_trace_write(written, &context, 1);
    if (!bt_trace_read(&again, written) || strcmp(again.trace_id, context.trace_id) != 0) abort();
}

static void choose(const char *accept) {
    for (int count = 0; count <= BT_SEGMENT_FORMS; count++) {
        const int chosen = bt_media_choose(accept, bt_segment_types, count);
        if (chosen < -1 || chosen >= count) abort();
    }
}

/* "key=value" as it stands behind a question mark. */
static void read_query(char *text) {
    bt_segment_query query;
    bt_error error;
    char *value = strchr(text, '=');
    if (value) *value++ = '\0';
    bt_segment_query_default(&query);
    if (bt_segment_query_set(&query, text, value, &error) != BT_OK) return;
    if (!(query.threshold > 0 && query.threshold < 1) || query.min_area_px < 0 || query.timeout_ms < 0)
        abort();
}

static void check_origins(const char *text) {
    bt_error error;
    const bool good = bt_origins_check(text, &error) == BT_OK;
    if (good && bt_origins_allow(text, "*")) abort();
}

static void read_keys(const uint8_t *data, size_t size) {
    bt_keys *keys;
    bt_error error;
    if (bt_keys_read(&keys, (const char *)data, size, "keys", &error) != BT_OK) return;
    if (bt_keys_count(keys) < 1 || bt_keys_count(keys) > BT_KEYS_MAX) abort();
    if (bt_keys_find(keys, "Bearer ") || bt_keys_find(keys, NULL)) abort();
    bt_keys_close(&keys);
}

static void copy(char *out, size_t room, const char *text) {
    const size_t length = strlen(text);
    memcpy(out, text, length < room ? length : room - 1);
}

/* Whatever is in it, it is one line, and JSON. */
static void write_line(const char *text) {
    char out[BT_ACCESS_LINE_MAX];
    bt_access_line line = {.status = 200};
    json_error_t at;
    if (bt_request_id_is_good(text)) copy(line.id, sizeof line.id, text);
    copy(line.method, sizeof line.method, text);
    copy(line.path, sizeof line.path, text);
    copy(line.model, sizeof line.model, text);
    copy(line.error, sizeof line.error, text);
    const size_t size = bt_access_line_write(out, &line);
    if (size < 2 || memchr(out, '\n', size) != out + size - 1) abort();
    json_t *json = bt_json_parse(out, size, &at);
    if (!json) abort();
    json_decref(json);
}

/* The first byte says what the others are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = size > 1 ? fuzz_text(data + 1, size - 1) : NULL;
    if (!text) return 0;
    if (data[0] == 't') read_trace(text);
    if (data[0] == 'a') choose(text);
    if (data[0] == 'q') read_query(text);
    if (data[0] == 'o') check_origins(text);
    if (data[0] == 'k') read_keys(data + 1, size - 1);
    if (data[0] == 'l') write_line(text);
    free(text);
    return 0;
}
