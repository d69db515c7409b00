/* Parts of documents as JSON, which several files of this folder write and read. Outside it only tune/step.c
 * does: a worker's answers hold the throttling. */
#ifndef BT_RECORD_PARTS_H
#define BT_RECORD_PARTS_H

#include <jansson.h>

#include "base/error.h"
#include "base/fields.h"
#include "record/fingerprint.h"
#include "record/load-record.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a quota stopped meanwhile, for tables of fields. Without a quota, and in records of before, there is
 * none of it. */
extern const bt_field bt_throttling_fields[4];
#define BT_THROTTLING_MEMBERS(structure) BT_FIELD_STRUCT(MEMBERS, structure, throttling, bt_throttling_fields)

/* New references, NULL when memory is short. */
json_t *bt_machine_to_json(const bt_machine *machine);
json_t *bt_subject_to_json(const bt_subject *subject);

/* BT_PARSE names `where` and the key. */
BT_MUST_USE bt_status bt_machine_from_json(const json_t *object, bt_machine *machine, const char *where,
                                           bt_error *error);
BT_MUST_USE bt_status bt_subject_from_json(const json_t *object, bt_subject *subject, const char *where,
                                           bt_error *error);

/* Both as the keys "machine" and "subject" of a document. Writing returns -1 when memory is short, as
 * jansson's own functions; BT_PARSE in reading, where one is missing too. */
int bt_fingerprint_write(json_t *top, const bt_machine *machine, const bt_subject *subject);
BT_MUST_USE bt_status bt_fingerprint_read(const json_t *top, bt_machine *machine, bt_subject *subject,
                                          const char *where, bt_error *error);

/* One model of a sweep, and a scenario's result for one model: `item` is a bt_model_record, a bt_load_part. A
 * new reference, NULL when memory is short. Reading fills in what is empty, as it is in a record that was
 * opened. */
json_t *bt_model_record_to_json(const void *item);
json_t *bt_load_part_to_json(const void *item);
BT_MUST_USE bt_status bt_model_record_from_json(const json_t *object, bt_model_record *model,
                                                const char *where, bt_error *error);
BT_MUST_USE bt_status bt_load_part_from_json(const json_t *object, bt_load_part *part, const char *where,
                                             bt_error *error);

/* Samples under a key of their own; nothing of what was not measured, and in older records. Writing returns -1 when
 * memory is short; reading leaves what is not there as it was. BT_PARSE, BT_NO_MEMORY. */
int bt_samples_write(json_t *object, const char *key, const double *samples_ms, int count);
BT_MUST_USE bt_status bt_samples_read(const json_t *object, const char *key, double **samples_ms, int *count,
                                      const char *where, bt_error *error);

/* Whether a document is a record of that kind ("sweep", "load") and not newer than this program: BT_PARSE
 * says what it is instead, BT_UNSUPPORTED by which version it was written. */
BT_MUST_USE bt_status bt_record_check_kind(const json_t *top, const char *kind, int newest, const char *path,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
