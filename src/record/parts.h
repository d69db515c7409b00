/* The machine and the subject as JSON: records and the config file hold them alike. Only the record modules
 * include this. */
#ifndef BT_RECORD_PARTS_H
#define BT_RECORD_PARTS_H

#include <jansson.h>

#include "base/error.h"
#include "record/fingerprint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of a table of fields (base/fields.h) for a struct's member `throttling`. Without a quota, and in
 * records of before, there are none. */
#define BT_THROTTLING_FIELD(type_, structure, member)                                                        \
    .key = #member, .type = BT_FIELD_##type_, .offset = offsetof(structure, throttling.member),              \
    .size = sizeof(((structure *)NULL)->throttling.member), .optional = true, .brief = true, .minimum = 0,   \
    .maximum = 9e15
#define BT_THROTTLING_FIELDS(structure)                                                                      \
    {BT_THROTTLING_FIELD(NUMBER, structure, quota_cpus)},                                                    \
        {BT_THROTTLING_FIELD(BIG, structure, quota_periods)},                                                \
        {BT_THROTTLING_FIELD(BIG, structure, throttled_periods)}, {                                          \
        BT_THROTTLING_FIELD(NUMBER, structure, throttled_s)                                                  \
    }

/* New references, NULL when memory is short. */
json_t *bt_machine_to_json(const bt_machine *machine);
json_t *bt_subject_to_json(const bt_subject *subject);

/* BT_PARSE names `where` and the key. */
BT_MUST_USE bt_status bt_machine_from_json(const json_t *object, bt_machine *machine, const char *where,
                                           bt_error *error);
BT_MUST_USE bt_status bt_subject_from_json(const json_t *object, bt_subject *subject, const char *where,
                                           bt_error *error);

/* Whether a document is a record of that kind ("sweep", "load") and not newer than this program: BT_PARSE
 * says what it is instead, BT_UNSUPPORTED by which version it was written. */
BT_MUST_USE bt_status bt_record_check_kind(const json_t *top, const char *kind, int newest, const char *path,
                                           bt_error *error);

/* bt_machine_read with `root`/proc and `root`/sys in place of /proc and /sys, so that a test can lay out any
 * machine. */
void bt_machine_read_under(const char *root, bt_machine *machine);

/* The version of the NVIDIA kernel driver that is loaded ("580.65.06"), "" where none is. */
void bt_gpu_driver_read_under(const char *root, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
