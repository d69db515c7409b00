#include "record/parts.h"

#include <string.h>

#include "base/json.h"

/* ---- throttling ---- */

#define THROTTLED(type, member)                                                                              \
    BT_FIELD(type, bt_throttling, member), .optional = true, .brief = true, .maximum = 9e15

const bt_field bt_throttling_fields[] = {
    {THROTTLED(NUMBER, quota_cpus)},
    {THROTTLED(BIG, quota_periods)},
    {THROTTLED(BIG, throttled_periods)},
    {THROTTLED(NUMBER, throttled_s)},
};

/* ---- which kind of record is this? ---- */

/* `reader`: the command that a person wants who has one. */
typedef struct kind_words {
    const char *kind, *what, *reader;
} kind_words;

static const kind_words kinds[] = {{"sweep", "a tuning run's record", "render-report shows it"},
                                   {"load", "a load test's record", "render-report shows it"},
                                   {"gate", "a gate's measurement", "perf-gate compare takes it"},
                                   {"gate-verdict", "a gate's verdict", "perf-gate show tells it"}};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static kind_words what_is(const char *kind) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].kind, kind) == 0) return kinds[i];
    return (kind_words){kind, "something else", "it is none of batchtune's"};
}

bt_status bt_record_check_kind(const json_t *top, const char *kind, int newest, const char *path,
                               bt_error *error) {
    int64_t version;
    char found[32];
    bt_status status = bt_json_integer(top, "schema_version", 1, INT64_MAX, &version, path, error);
    if (status != BT_OK) return status;
    if (!json_object_get(top, "kind"))
        return bt_fail(error, BT_PARSE,
                       "%s: kind is missing (text): no record of a run; show-batch-config shows a config",
                       path);
    status = bt_json_text(top, "kind", found, sizeof found, path, error);
    if (status != BT_OK) return status;
    if (strcmp(kind, found) != 0)
        return bt_fail(error, BT_PARSE, "%s: kind is \"%s\", %s, but %s (\"%s\") is wanted; %s", path, found,
                       what_is(found).what, what_is(kind).what, kind, what_is(found).reader);
    if (version > newest)
        return bt_fail(error, BT_UNSUPPORTED,
                       "%s: written by a newer batchtune (schema_version %lld, this one reads up to %d): "
                       "update this one",
                       path, (long long)version, newest);
    return BT_OK;
}
