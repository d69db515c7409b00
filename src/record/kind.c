/* Which kind of record is this? */
#include <string.h>

#include "base/json.h"
#include "record/parts.h"

static const struct {
    const char *kind, *what;
} kinds[] = {{"sweep", "a tuning run's record"},
             {"load", "a load test's record"},
             {"gate", "a gate's measurement"},
             {"gate-verdict", "a gate's verdict"}};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static const char *what_is(const char *kind) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].kind, kind) == 0) return kinds[i].what;
    return "something else";
}

bt_status bt_record_check_kind(const json_t *top, const char *kind, int newest, const char *path,
                               bt_error *error) {
    int64_t version;
    char found[32];
    bt_status status = bt_json_integer(top, "schema_version", 1, INT64_MAX, &version, path, error);
    if (status != BT_OK) return status;
    status = bt_json_text(top, "kind", found, sizeof found, path, error);
    if (status != BT_OK) return status;
    if (strcmp(kind, found) != 0)
        return bt_fail(error, BT_PARSE, "%s: kind is \"%s\", %s, but %s (\"%s\") is wanted", path, found,
                       what_is(found), what_is(kind), kind);
    if (version > newest)
        return bt_fail(error, BT_UNSUPPORTED,
                       "%s: written by a newer batchtune (schema_version %lld, this one reads up to %d)",
                       path, (long long)version, newest);
    return BT_OK;
}
