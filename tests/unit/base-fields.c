/* Tables of JSON fields: structs within structs, and lists. What single fields do, the records' tests show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fields.h"

typedef struct part {
    int count;
    double share, change;
} part;

typedef struct whole {
    char name[8];
    part own, beside;
    int numbers[4], number_count;
} whole;

static const bt_field own_fields[] = {
    {BT_FIELD(INTEGER, part, count), .maximum = 9},
    {BT_FIELD(AMOUNT, part, share)},
};

static const bt_field beside_fields[] = {{BT_FIELD(NUMBER, part, change)}};

static const bt_field whole_fields[] = {
    {BT_FIELD(TEXT, whole, name)},
    {BT_FIELD_STRUCT(OBJECT, whole, own, own_fields)},
    {BT_FIELD_STRUCT(MEMBERS, whole, beside, beside_fields)},
};

static json_t *parsed(const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    if (!json) fail_msg("%s is no JSON", text);
    return json;
}

static void refused(const char *text, const char *message) {
    whole values;
    bt_error error = {BT_OK, ""};
    json_t *json = parsed(text);
    assert_int_equal(bt_fields_read(BT_FIELDS(whole_fields), json, &values, "a.json", &error), BT_PARSE);
    assert_string_equal(error.message, message);
    json_decref(json);
}

static void structs_are_objects_or_keys_beside_the_others(void **state) {
    (void)state;
    const whole before = {.name = "x", .own = {.count = 3, .share = 0.5}, .beside = {.change = -1}};
    whole after = {.name = ""};
    bt_error error;
    json_t *json = bt_fields_to_json(BT_FIELDS(whole_fields), &before);
    json_t *wanted = parsed("{\"name\": \"x\", \"own\": {\"count\": 3, \"share\": 0.5}, \"change\": -1.0}");
    assert_true(json_equal(json, wanted));
    assert_int_equal(bt_fields_read(BT_FIELDS(whole_fields), json, &after, "a.json", &error), BT_OK);
    assert_true(after.own.count == 3 && after.own.share == 0.5 && after.beside.change == -1);
    json_decref(json);
    json_decref(wanted);
}

static void a_fault_within_a_struct_is_named_by_its_place(void **state) {
    (void)state;
    refused("{\"name\": \"x\", \"own\": {\"count\": 10, \"share\": 1}, \"change\": 1}",
            "a.json: own: count is 10, above 9");
    refused("{\"name\": \"x\", \"own\": {\"count\": 1, \"share\": -1}, \"change\": 1}",
            "a.json: own: share is -1, below 0");
    refused("{\"name\": \"x\", \"own\": 1, \"change\": 1}", "a.json: own is a whole number, not an object");
    refused("{\"name\": \"x\", \"own\": {\"count\": 1, \"share\": 1}}",
            "a.json: change is missing (a number)");
}

static void keys_beside_the_others_are_known(void **state) {
    (void)state;
    static const char *const others[] = {"also", NULL};
    bt_error error = {BT_OK, ""};
    json_t *json = parsed("{\"name\": \"x\", \"own\": {}, \"change\": 1, \"also\": 1, \"$note\": 1}");
    assert_int_equal(bt_fields_refuse_unknown(BT_FIELDS(whole_fields), others, json, "a.json", &error),
                     BT_OK);
    json_object_set_new(json, "beside", json_integer(1));
    assert_int_equal(bt_fields_refuse_unknown(BT_FIELDS(whole_fields), others, json, "a.json", &error),
                     BT_PARSE);
    assert_non_null(strstr(error.message, "a.json: unknown key \"beside\""));
    json_decref(json);
}

static bt_status read_number(void *owner, const json_t *item, const char *where, bt_error *error) {
    whole *values = owner;
    if (!json_is_integer(item)) return bt_fail(error, BT_PARSE, "%s is no number", where);
    values->numbers[values->number_count++] = (int)json_integer_value(item);
    return BT_OK;
}

static void a_list_is_read_as_far_as_it_is_right(void **state) {
    (void)state;
    static const struct {
        const char *list, *message;
        int count;
    } cases[] = {
        {"[]", "", 0},
        {"[1, 2, 3, 4]", "", 4},
        {"[1, 2, \"three\", 4]", "a.json: list[2] is no number", 2},
        {"[1, 2, 3, 4, 5]", "a.json: list has 5 items, at most 4", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        whole values = {.number_count = 0};
        bt_error error = {BT_OK, ""};
        json_t *json = json_pack("{s:o}", "list", parsed(cases[i].list));
        const bt_status wanted = cases[i].message[0] ? BT_PARSE : BT_OK;
        assert_int_equal(bt_list_read(json, "list", 4, read_number, &values, "a.json", &error), wanted);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(values.number_count, cases[i].count);
        json_decref(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_are_objects_or_keys_beside_the_others),
        cmocka_unit_test(a_fault_within_a_struct_is_named_by_its_place),
        cmocka_unit_test(keys_beside_the_others_are_known),
        cmocka_unit_test(a_list_is_read_as_far_as_it_is_right),
    };
    return cmocka_run_group_tests_name("base-fields", tests, NULL, NULL);
}
