/* The config file for people, and for programs that ask whether it still fits.
 *
 * Both forms say the same: what was chosen, what it was measured on, how that compares with here and now, and
 * what ought to be done. They print what record/config-check.h found, and check nothing themselves. */
#ifndef BT_REPORT_CONFIG_H
#define BT_REPORT_CONFIG_H

#include <stdio.h>

#include "base/error.h"
#include "record/config-check.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a terminal, within its width, without colours: a summary, then a table of points for each model.
 * `path` is what the file is called. BT_NO_MEMORY, BT_NOT_WRITTEN where `out` fails. */
BT_MUST_USE bt_status bt_report_config_table(const bt_config *config, const bt_config_check *check,
                                             const char *path, FILE *out, bt_error *error);

/* One JSON object: "file", "config" (the document as it stands) and "check". Errors likewise. */
BT_MUST_USE bt_status bt_report_config_json(const bt_config *config, const bt_config_check *check,
                                            const char *path, FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
