/* The JSON schemas and the files under configs/ say what the code does: each key that is read or written is
 * in the schema, and no other. Runs from the repository's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "networks/model-json.h"
#include "record/config-fields.h"
#include "record/config.h"
#include "record/parts.h"

#define CONFIG_SCHEMA   "configs/schema/production_batch_config.schema.json"
#define MODEL_SCHEMA    "configs/schema/model.schema.json"
#define SETTINGS_SCHEMA "configs/schema/settings.schema.json"

static json_t *load(const char *path) {
    json_t *json;
    bt_error error;
    if (bt_json_load(&json, path, &error)) fail_msg("%s", error.message);
    return json;
}

/* Every key of `properties` is a field or one of the others, and the other way round; a text's bound and a
 * number's are the field's. */
static void compare_keys(const char *what, json_t *properties, const bt_field *fields, size_t count,
                         const char *const *others) {
    size_t total = count;
    assert_true(json_is_object(properties));
    for (size_t i = 0; i < count; i++) {
        json_t *property = json_object_get(properties, fields[i].key);
        if (!property) fail_msg("%s: the schema lacks \"%s\"", what, fields[i].key);
        json_t *longest = json_object_get(property, "maxLength"),
               *most = json_object_get(property, "maximum");
        if (fields[i].type == BT_FIELD_TEXT && json_integer_value(longest) != (json_int_t)fields[i].size - 1)
            fail_msg("%s: the schema's maxLength of \"%s\" is not %zu", what, fields[i].key,
                     fields[i].size - 1);
        if (most && json_number_value(most) != fields[i].maximum)
            fail_msg("%s: the schema's maximum of \"%s\" is not %g", what, fields[i].key, fields[i].maximum);
        if (!json_object_get(property, "description"))
            fail_msg("%s: the schema does not say what \"%s\" is", what, fields[i].key);
    }
    for (; *others; others++, total++)
        if (!json_object_get(properties, *others)) fail_msg("%s: the schema lacks \"%s\"", what, *others);
    if (json_object_size(properties) != total)
        fail_msg("%s: the schema has %zu keys, the code %zu", what, json_object_size(properties), total);
}

static void compare_table(const char *what, const json_t *schema, const bt_config_keys *keys) {
    compare_keys(what, json_object_get(schema, "properties"), keys->fields, keys->count, keys->others);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
}

static json_t *property(const json_t *schema, const char *key) {
    json_t *found = json_object_get(json_object_get(schema, "properties"), key);
    if (!found) fail_msg("the schema lacks %s", key);
    return found;
}

static void the_config_schema_has_the_keys_of_the_code(void **state) {
    (void)state;
    json_t *schema = load(CONFIG_SCHEMA);
    const json_t *model = json_object_get(property(schema, "configurations"), "additionalProperties");
    compare_table("config", schema, &bt_config_top_keys);
    compare_table("model", model, &bt_config_model_keys);
    compare_table("point", json_object_get(property(model, "points"), "items"), &bt_config_point_keys);
    compare_table("precision", json_object_get(property(model, "precisions"), "items"),
                  &bt_config_precision_keys);
    compare_table("instance", json_object_get(property(model, "instances"), "items"),
                  &bt_config_instance_keys);
    compare_table("neighbour", json_object_get(property(model, "neighbours"), "items"),
                  &bt_config_neighbour_keys);
    compare_table("weights", property(model, "weights"), &bt_config_weights_keys);
    json_decref(schema);
}

static void the_model_schema_has_the_keys_of_the_code(void **state) {
    (void)state;
    json_t *schema = load(MODEL_SCHEMA), *properties = json_object_get(schema, "properties");
    size_t count = 0;
    for (; bt_model_json_keys[count]; count++)
        if (!json_object_get(json_object_get(properties, bt_model_json_keys[count]), "description"))
            fail_msg("the schema does not say what \"%s\" is", bt_model_json_keys[count]);
    assert_int_equal(json_object_size(properties), count + 1); /* and $schema */
    json_decref(schema);
}

/* The other way to the same: nothing is written that the schema does not know. */
static void compare_written(const char *what, const json_t *written, const json_t *schema) {
    const char *key;
    json_t *item, *properties = json_object_get(schema, "properties");
    json_object_foreach((json_t *)written, key, item) {
        if (!json_object_get(properties, key)) fail_msg("%s: \"%s\" is not in the schema", what, key);
    }
    if (json_object_size(properties) != json_object_size(written))
        fail_msg("%s: the schema has %zu keys, %zu are written", what, json_object_size(properties),
                 json_object_size(written));
}

static void machine_and_subject_have_the_keys_of_the_code(void **state) {
    (void)state;
    json_t *schema = load(CONFIG_SCHEMA);
    bt_machine machine = {.cores = 1};
    bt_subject subject = {.runtime = ""};
    json_t *machine_json = bt_machine_to_json(&machine), *subject_json = bt_subject_to_json(&subject);
    compare_written("machine", machine_json, property(schema, "machine"));
    compare_written("subject", subject_json, property(schema, "subject"));
    json_decref(machine_json);
    json_decref(subject_json);
    json_decref(schema);
}

static void the_schema_knows_every_outcome(void **state) {
    (void)state;
    json_t *schema = load(CONFIG_SCHEMA);
    const json_t *model = json_object_get(property(schema, "configurations"), "additionalProperties");
    const json_t *point = json_object_get(property(model, "points"), "items");
    const json_t *names = json_object_get(property(point, "outcome"), "enum");
    assert_int_equal(json_array_size(names), BT_OUTCOME_COUNT + 1); /* and null */
    for (size_t i = 0; i < BT_OUTCOME_COUNT; i++)
        assert_string_equal(json_string_value(json_array_get(names, i)), bt_outcome_name((bt_outcome)i));
    json_decref(schema);
}

static void an_entrys_settings_are_the_rows_that_hold_for_one_model(void **state) {
    (void)state;
    json_t *schema = load(CONFIG_SCHEMA);
    const json_t *model = json_object_get(property(schema, "configurations"), "additionalProperties");
    const json_t *names = json_object_get(property(model, "settings"), "propertyNames");
    const json_t *known = json_object_get(json_array_get(json_object_get(names, "anyOf"), 1), "enum");
    size_t count, there = 0;
    const bt_option *table = bt_settings_model_table(&count);
    assert_int_equal(json_array_size(known), count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            there += strcmp(table[i].name, json_string_value(json_array_get(known, k))) == 0;
    assert_int_equal(there, count);
    json_decref(schema);
}

static bool has_bounds(const bt_option *option) {
    return (option->type == BT_OPTION_NUMBER || option->type == BT_OPTION_INTEGER) &&
           (option->minimum != 0 || option->maximum != 0);
}

/* "efficiency|throughput|latency" of the schema's list; "" where it has none. */
static void choices_of(const json_t *item, char out[BT_OPTION_TEXT_SIZE]) {
    const json_t *words = json_object_get(item, "enum");
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(words); i++) {
        const size_t used = strlen(out);
        snprintf(out + used, BT_OPTION_TEXT_SIZE - used, "%s%s", used ? "|" : "",
                 json_string_value(json_array_get(words, i)));
    }
}

static void the_settings_schema_has_the_defaults_and_choices_of_the_code(void **state) {
    (void)state;
    char choices[BT_OPTION_TEXT_SIZE];
    bt_settings plain;
    bt_option_sources sources;
    json_t *schema = load(SETTINGS_SCHEMA), *properties = json_object_get(schema, "properties");
    bt_options_default(bt_settings_table, bt_settings_count, &plain, &sources);
    json_t *defaults = bt_options_write_json(bt_settings_table, bt_settings_count, &plain);
    for (size_t i = 0; i < bt_settings_count; i++) {
        const bt_option *option = &bt_settings_table[i];
        if (option->scope != BT_SCOPE_SETTING) continue;
        const json_t *item = json_object_get(properties, option->name);
        if (!json_equal(json_object_get(item, "default"), json_object_get(defaults, option->name)))
            fail_msg("the schema's default of \"%s\" is not the code's", option->name);
        choices_of(item, choices);
        if (option->type == BT_OPTION_CHOICE) assert_string_equal(choices, option->choices);
    }
    json_decref(defaults);
    json_decref(schema);
}

static void the_settings_schema_is_the_options_table(void **state) {
    (void)state;
    json_t *schema = load(SETTINGS_SCHEMA), *properties = json_object_get(schema, "properties");
    size_t settings = 0;
    for (size_t i = 0; i < bt_settings_count; i++) {
        const bt_option *option = &bt_settings_table[i];
        if (option->scope != BT_SCOPE_SETTING) continue;
        const json_t *item = json_object_get(properties, option->name);
        if (!item) fail_msg("the schema lacks \"%s\"", option->name);
        const char *text = json_string_value(json_object_get(item, "description"));
        if (!text || strncmp(text, option->help, strlen(option->help)) != 0)
            fail_msg("the schema describes \"%s\" otherwise than --help", option->name);
        const char *low = option->above_minimum ? "exclusiveMinimum" : "minimum";
        if (has_bounds(option) && (json_number_value(json_object_get(item, low)) != option->minimum ||
                                   json_number_value(json_object_get(item, "maximum")) != option->maximum))
            fail_msg("the schema's bounds of \"%s\" are not %g..%g", option->name, option->minimum,
                     option->maximum);
        settings++;
    }
    assert_int_equal(json_object_size(properties), settings);
    json_decref(schema);
}

static bt_settings settings_of(const char *path, bt_option_sources *sources) {
    bt_settings settings;
    bt_error error;
    json_t *json = load(path);
    bt_options_default(bt_settings_table, bt_settings_count, &settings, sources);
    if (bt_options_read_json(bt_settings_table, bt_settings_count, json, BT_SOURCE_PROFILE, path, &settings,
                             sources, &error))
        fail_msg("%s", error.message);
    json_decref(json);
    return settings;
}

static void default_json_spells_out_every_default(void **state) {
    (void)state;
    bt_option_sources sources;
    bt_settings file = settings_of("configs/default.json", &sources), plain;
    for (size_t i = 0; i < bt_settings_count; i++)
        if (bt_settings_table[i].scope == BT_SCOPE_SETTING && sources.of[i] != BT_SOURCE_PROFILE)
            fail_msg("configs/default.json lacks %s", bt_settings_table[i].name);
    bt_options_default(bt_settings_table, bt_settings_count, &plain, &sources);
    json_t *a = bt_options_write_json(bt_settings_table, bt_settings_count, &file);
    json_t *b = bt_options_write_json(bt_settings_table, bt_settings_count, &plain);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
}

static void the_profiles_are_what_the_guide_says(void **state) {
    (void)state;
    bt_option_sources sources;
    bt_settings strict = settings_of("configs/profiles/strict-latency.json", &sources);
    bt_settings high = settings_of("configs/profiles/high-throughput.json", &sources);
    bt_settings demo = settings_of("configs/profiles/cpu-demo.json", &sources);
    assert_true(strict.p95_sla_ms == 50 && strict.max_queue_delay_ms == 2);
    assert_true(high.p95_sla_ms == 200 && high.max_queue_delay_ms == 10);
    assert_int_equal(high.objective, BT_OBJECTIVE_THROUGHPUT);
    assert_true(demo.p95_sla_ms == 250 && demo.image_size == 128);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_config_schema_has_the_keys_of_the_code),
        cmocka_unit_test(the_model_schema_has_the_keys_of_the_code),
        cmocka_unit_test(machine_and_subject_have_the_keys_of_the_code),
        cmocka_unit_test(the_schema_knows_every_outcome),
        cmocka_unit_test(an_entrys_settings_are_the_rows_that_hold_for_one_model),
        cmocka_unit_test(the_settings_schema_is_the_options_table),
        cmocka_unit_test(the_settings_schema_has_the_defaults_and_choices_of_the_code),
        cmocka_unit_test(default_json_spells_out_every_default),
        cmocka_unit_test(the_profiles_are_what_the_guide_says),
    };
    return cmocka_run_group_tests_name("record-schemas", tests, NULL, NULL);
}
