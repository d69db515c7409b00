/* A struct's plain members as JSON keys, told once for both directions.
 *
 * Records, the config file and a worker's answers are mostly flat structs of texts, numbers and switches. One
 * table for each struct says which key is which member and what it may hold, so that what is written is what
 * is read, and a broken file is always told by file and key. */
#ifndef BT_BASE_FIELDS_H
#define BT_BASE_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_field_type {
    BT_FIELD_TEXT,    /* char[]; bytes that are no UTF-8 (a cut character) become '?' */
    BT_FIELD_NUMBER,  /* double; what is not finite is null */
    BT_FIELD_AMOUNT,  /* the same, not negative unless bounds say otherwise */
    BT_FIELD_INTEGER, /* int, not negative */
    BT_FIELD_BIG,     /* int64_t, not negative */
    BT_FIELD_SWITCH,  /* bool */
    BT_FIELD_HASH,    /* uint64_t, as 16 hex digits */
    BT_FIELD_OBJECT,  /* a struct: an object of its own */
    BT_FIELD_MEMBERS  /* a struct: its members are keys beside the others, and it has none itself */
} bt_field_type;

typedef struct bt_field {
    const char *key;
    bt_field_type type;
    size_t offset, size;            /* of the member */
    bool optional;                  /* may be absent or null: the member then stays as it was */
    bool brief;                     /* not written while it is NaN, 0 or empty */
    double minimum, maximum;        /* inclusive; both 0: no bounds */
    const struct bt_field *members; /* of BT_FIELD_OBJECT and BT_FIELD_MEMBERS */
    size_t member_count;
} bt_field;

#define BT_FIELD(type_, structure, member)                                                                   \
    .key = #member, .type = BT_FIELD_##type_, .offset = offsetof(structure, member),                         \
    .size = sizeof(((structure *)NULL)->member)

/* A table and its length, as the functions below take them. */
#define BT_FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

/* A member that is a struct itself, described by a table: BT_FIELD_OBJECT or BT_FIELD_MEMBERS. */
#define BT_FIELD_STRUCT(type_, structure, member, table)                                                     \
    BT_FIELD(type_, structure, member), .members = table, .member_count = sizeof(table) / sizeof((table)[0])

/* Adds the members to `object`. -1 when memory is short, as jansson's own functions. */
int bt_fields_write(const bt_field *fields, size_t count, const void *values, json_t *object);

/* The members as an object of their own, and one text by itself: new references, NULL when memory is
 * short. */
json_t *bt_fields_to_json(const bt_field *fields, size_t count, const void *values);
json_t *bt_field_text(const char *text);

/* Reads the members from `object`. BT_PARSE with `where` and the key; `values` may then be half set. */
BT_MUST_USE bt_status bt_fields_read(const bt_field *fields, size_t count, const json_t *object, void *values,
                                     const char *where, bt_error *error);

/* BT_PARSE for the first key of `object` that is neither a field nor among the NULL-ended `others`, with the
 * nearest known one. Keys that start with "$" or "_" are comments. */
BT_MUST_USE bt_status bt_fields_refuse_unknown(const bt_field *fields, size_t count,
                                               const char *const *others, const json_t *object,
                                               const char *where, bt_error *error);

/* "a.json: models[0].points[3]" out of "a.json: models[0]", "points" and 3: places are cut rather than
 * refused when they get long. `parent` without a colon is a file's name. */
#define BT_WHERE_SIZE 192
void bt_where_item(char out[BT_WHERE_SIZE], const char *parent, const char *key, size_t index);
void bt_where_key(char out[BT_WHERE_SIZE], const char *parent, const char *key);

/* Reads one item of a list into what the list belongs to; `where` is the item's own place. */
typedef bt_status bt_item_reader(void *owner, const json_t *item, const char *where, bt_error *error);

/* Reads the items of the array `key` one after another, until one fails. BT_PARSE where it is no array or has
 * more than `most` items, of which nothing is read then. */
BT_MUST_USE bt_status bt_list_read(const json_t *object, const char *key, size_t most, bt_item_reader *read,
                                   void *owner, const char *where, bt_error *error);

/* Reads an array of durations or the like, finite and not negative, into *out (malloc'ed, the caller's; NULL
 * when empty). `name` is the key that messages tell. */
BT_MUST_USE bt_status bt_numbers_read(const json_t *array, double **out, int *count, const char *name,
                                      const char *where, bt_error *error);
/* A new reference; NULL when memory is short. */
json_t *bt_numbers_write(const double *values, int count);

#ifdef __cplusplus
}
#endif
#endif
