#include "http/access-line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/json.h"

#define LINE(type, member) BT_FIELD(type, bt_access_line, member)

static const bt_field fields[] = {
    {LINE(TEXT, time)},
    {LINE(TEXT, id)},
    {LINE(TEXT, method)},
    {LINE(TEXT, path)},
    {LINE(INTEGER, status)},
    {LINE(BIG, bytes_in)},
    {LINE(BIG, bytes_out)},
    {LINE(NUMBER, latency_ms)},
    {LINE(TEXT, model), .brief = true},
    {LINE(INTEGER, batch_size), .brief = true},
    {LINE(TEXT, mode), .brief = true},
    {LINE(TEXT, key), .brief = true},
    {LINE(TEXT, error), .brief = true},
    {LINE(TEXT, trace_id), .brief = true},
    {LINE(TEXT, span_id), .brief = true},
};

/* A control character takes six bytes in JSON, and that is the most. */
#define LONGEST (sizeof(((bt_access_line *)NULL)->path) + sizeof(((bt_access_line *)NULL)->error))
_Static_assert(6 * (sizeof(bt_access_line) - LONGEST) + 512 < BT_ACCESS_LINE_MAX, "a line fits without them");

size_t bt_access_line_write(char out[BT_ACCESS_LINE_MAX], const bt_access_line *line) {
    json_t *json = bt_fields_to_json(BT_FIELDS(fields), line);
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(6);
    size_t size = json ? bt_json_dump_into(json, out, BT_ACCESS_LINE_MAX - 1, flags) : 0;
    if (size >= BT_ACCESS_LINE_MAX) { /* of control characters: nobody means such a path */
        json_object_del(json, "path");
        json_object_del(json, "error");
        size = bt_json_dump_into(json, out, BT_ACCESS_LINE_MAX - 1, flags);
    }
    json_decref(json);
    if (size == 0 || size >= BT_ACCESS_LINE_MAX) return 0;
    out[size] = '\n';
    return size + 1;
}

void bt_access_time(char out[32], int64_t unix_ns) {
    const time_t seconds = (time_t)(unix_ns / BT_NS_PER_S);
    struct tm utc;
    char whole[24];
    gmtime_r(&seconds, &utc);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, 32, "%s.%03dZ", whole, (int)(unix_ns % BT_NS_PER_S / BT_NS_PER_MS));
}

bool bt_request_id_is_good(const char *id) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/+=@";
    const size_t length = strlen(id);
    return length > 0 && length < BT_REQUEST_ID_SIZE && strspn(id, good) == length;
}
