#include "record/gate-rules.h"

#include <math.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "record/parts.h"

/* So much slower may a metric be that no rule is for. Lowered, a new metric fails on noise before somebody
 * has seen how it scatters; raised, what nobody wrote a rule for is not guarded. */
#define USUAL_PERCENT 5

/* The chance of a false alarm where there are no rules at all. Lowered, verdicts take more turns. */
#define ERROR_PERCENT 5

#define NEWEST    1
#define A_PERCENT .minimum = 0, .maximum = 1000

static const bt_field top_fields[] = {
    {BT_FIELD(NUMBER, bt_gate_rules, error_percent), .minimum = 0.001, .maximum = 50},
};

static const bt_field rule_fields[] = {
    {BT_FIELD(TEXT, bt_gate_rule, metric)},
    {BT_FIELD(TEXT, bt_gate_rule, unit)},
    {BT_FIELD(NUMBER, bt_gate_rule, tolerance_percent), A_PERCENT},
    {BT_FIELD(AMOUNT, bt_gate_rule, tolerance)},
};

static const bt_field profile_fields[] = {
    {BT_FIELD(NUMBER, bt_gate_profile, time_percent), A_PERCENT},
    {BT_FIELD(NUMBER, bt_gate_profile, instructions_percent), A_PERCENT},
    {BT_FIELD(TEXT, bt_gate_profile, on_inconclusive)},
};

static const bt_field declared_fields[] = {
    {BT_FIELD(TEXT, bt_gate_declared, metric)},
    {BT_FIELD(NUMBER, bt_gate_declared, up_to_percent), A_PERCENT},
    {BT_FIELD(TEXT, bt_gate_declared, reason)},
};

static const char *const none[] = {NULL};

/* One object of a list: exactly the fields, none of them null. */
static bt_status read_item(const bt_field *fields, size_t count, const json_t *object, void *out,
                           const char *where, bt_error *error) {
    bt_status status = bt_fields_refuse_unknown(fields, count, none, object, where, error);
    if (status == BT_OK) status = bt_fields_read(fields, count, object, out, where, error);
    for (size_t i = 0; i < count && status == BT_OK; i++)
        if (json_is_null(json_object_get(object, fields[i].key)))
            return bt_fail(error, BT_PARSE, "%s: %s is null", where, fields[i].key);
    return status;
}

static bt_status check_room(size_t count, const char *key, const char *path, bt_error *error) {
    if (count <= BT_GATE_RULES_MAX) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: %s: more than %d", path, key, BT_GATE_RULES_MAX);
}

/* The list under `key` into `items`, of which there is room for BT_GATE_RULES_MAX of `item_size` bytes. */
static bt_status read_list(const bt_field *fields, size_t count, const json_t *top, const char *key,
                           void *items, size_t item_size, int *item_count, const char *path,
                           bt_error *error) {
    json_t *array;
    char where[BT_WHERE_SIZE];
    bt_status status = bt_json_array(top, key, &array, path, error);
    if (status == BT_OK) status = check_room(json_array_size(array), key, path, error);
    for (size_t i = 0; status == BT_OK && i < json_array_size(array); i++) {
        bt_where_item(where, path, key, i);
        status =
            read_item(fields, count, json_array_get(array, i), (char *)items + i * item_size, where, error);
        ++*item_count;
    }
    return status;
}

static bt_status read_metrics(bt_gate_rules *rules, const json_t *top, const char *path, bt_error *error) {
    return read_list(BT_FIELDS(rule_fields), top, "metrics", rules->metrics, sizeof *rules->metrics,
                     &rules->metric_count, path, error);
}

static bt_status read_declared(bt_gate_rules *rules, const json_t *top, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    bt_status status = read_list(BT_FIELDS(declared_fields), top, "declared", rules->declared,
                                 sizeof *rules->declared, &rules->declared_count, path, error);
    for (int i = 0; status == BT_OK && i < rules->declared_count; i++) {
        if (rules->declared[i].reason[0]) continue;
        bt_where_item(where, path, "declared", (size_t)i);
        return bt_fail(error, BT_PARSE, "%s: reason is empty; say why it may be slower", where);
    }
    return status;
}

static bt_status check_policy(const bt_gate_profile *profile, const char *where, bt_error *error) {
    static const char *const known[] = {"fail", "pass", "retry"};
    for (int i = 0; i < 3; i++)
        if (strcmp(profile->on_inconclusive, known[i]) == 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: on_inconclusive is \"%s\", not fail, pass or retry", where,
                   profile->on_inconclusive);
}

static bt_status read_profiles(bt_gate_rules *rules, const json_t *top, const char *path, bt_error *error) {
    json_t *object, *item;
    const char *name;
    char where[BT_WHERE_SIZE], group[BT_WHERE_SIZE];
    bt_status status = bt_json_object(top, "profiles", &object, path, error);
    if (status == BT_OK) status = check_room(json_object_size(object), "profiles", path, error);
    if (status != BT_OK) return status;
    bt_where_key(group, path, "profiles");
    json_object_foreach(object, name, item) {
        bt_gate_profile *profile = &rules->profiles[rules->profile_count++];
        bt_where_key(where, group, name);
        if (strlen(name) >= sizeof profile->name)
            return bt_fail(error, BT_PARSE, "%s: is too long a name", where);
        strcpy(profile->name, name);
        status = read_item(BT_FIELDS(profile_fields), item, profile, where, error);
        if (status == BT_OK) status = check_policy(profile, where, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

static bt_status read_all(bt_gate_rules *rules, const json_t *top, const char *path, bt_error *error) {
    static const char *const others[] = {"schema_version", "metrics", "profiles", "declared", NULL};
    int64_t version;
    bt_status status = bt_json_integer(top, "schema_version", 1, INT64_MAX, &version, path, error);
    if (status == BT_OK && version > NEWEST)
        status = bt_fail(error, BT_UNSUPPORTED,
                         "%s: written for a newer batchtune (schema_version %lld): update this one", path,
                         (long long)version);
    if (status == BT_OK) status = bt_fields_refuse_unknown(BT_FIELDS(top_fields), others, top, path, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(top_fields), top, rules, path, error);
    if (status == BT_OK && !(rules->error_percent > 0))
        status = bt_fail(error, BT_PARSE, "%s: error_percent is null", path);
    if (status == BT_OK) status = read_metrics(rules, top, path, error);
    if (status == BT_OK) status = read_profiles(rules, top, path, error);
    return status == BT_OK ? read_declared(rules, top, path, error) : status;
}

bt_status bt_gate_rules_load(bt_gate_rules *rules, const char *path, bt_error *error) {
    json_t *top;
    memset(rules, 0, sizeof *rules);
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = read_all(rules, top, path, error);
    json_decref(top);
    return status;
}

void bt_gate_rules_default(bt_gate_rules *rules) {
    memset(rules, 0, sizeof *rules);
    rules->error_percent = ERROR_PERCENT;
}

bt_status bt_gate_rules_choose(const bt_gate_rules *rules, const char *profile, bt_gate_profile *chosen,
                               bt_error *error) {
    char known[256] = "";
    *chosen = (bt_gate_profile){.name = ""};
    if (!profile[0]) return BT_OK;
    for (int i = 0; i < rules->profile_count; i++) {
        if (strcmp(rules->profiles[i].name, profile) == 0) {
            *chosen = rules->profiles[i];
            return BT_OK;
        }
        bt_text_append(known, sizeof known, "%s%s", i ? ", " : "", rules->profiles[i].name);
    }
    return bt_fail(error, BT_INVALID, "--profile: no profile of the rules is called \"%.60s\"; there %s %s",
                   profile, known[0] ? "are" : "is", known[0] ? known : "none");
}

bt_gate_limit bt_gate_limit_of(const bt_gate_rules *rules, const bt_gate_profile *profile, const char *metric,
                               const char *unit) {
    bt_gate_limit limit = {.percent = USUAL_PERCENT};
    for (int i = 0; i < rules->metric_count; i++) {
        const bt_gate_rule *rule = &rules->metrics[i];
        if (strcmp(rule->unit, unit) != 0 || !bt_text_fits(rule->metric, metric)) continue;
        limit.percent = rule->tolerance_percent;
        limit.absolute = rule->tolerance;
        break;
    }
    bool counted = strcmp(unit, BT_UNIT_INSTRUCTIONS) == 0;
    limit.percent = fmax(limit.percent, counted ? profile->instructions_percent : profile->time_percent);
    for (int i = 0; i < rules->declared_count && !limit.declared; i++)
        if (bt_text_fits(rules->declared[i].metric, metric)) limit.declared = &rules->declared[i];
    return limit;
}
