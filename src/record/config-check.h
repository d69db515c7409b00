/* Does a config still fit? What it was measured on, against what is here today.
 *
 * Nothing is loaded or run for the answer: the machine's facts come from /proc, libtorch's version from what
 * the build noted down, weights are compared by size, time and header. So it takes milliseconds, and what
 * cannot be known that way is told as not checked. */
#ifndef BT_RECORD_CONFIG_CHECK_H
#define BT_RECORD_CONFIG_CHECK_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CHECK_TEXT_SIZE 1024
#define BT_AGE_UNKNOWN     INT_MIN /* no date, or one that is none */

/* A config older than this is said to be old: kernels, drivers and neighbours change without a version that
 * could be compared. Lowered, people are told to tune again where nothing changed, and stop listening;
 * raised, what changed unseen is served on old figures for longer. */
#define BT_CONFIG_OLD_DAYS 90

typedef struct bt_config_model_check {
    int age_days;
    bool other_machine; /* its entry was measured on another machine than the file's */
    bool weights_same;
    char weights[BT_TEXT_SIZE]; /* how its weights compare, for people */
    /* its own that are not the file's: "p95_sla_ms 250 (the file's 600)" */
    char settings[BT_CHECK_TEXT_SIZE];
} bt_config_model_check;

typedef struct bt_config_check {
    int age_days; /* of the file; negative: dated in the future */
    bool machine_known, machine_same;
    char machine[BT_CHECK_TEXT_SIZE]; /* phrases for what differs; empty */
    bool software_known, software_same;
    bool software_alike;               /* the same but for batchtune's own revision: the figures hold */
    bool runtime_checked;              /* libtorch's version here is known, or the config needs none */
    char software[BT_CHECK_TEXT_SIZE]; /* likewise: batchtune, libtorch, driver */
    /* settings that are not the defaults: "p95_sla_ms 250 (default 100)" */
    char settings[BT_CHECK_TEXT_SIZE];
    int settings_differing;
    bt_config_model_check *models; /* as many as the config has, in its order; owned */
    int model_count;
} bt_config_check;

/* What is here, to compare with. Either may be made up in tests. */
typedef struct bt_config_here {
    bt_machine machine;
    bt_subject subject;
    char now[32]; /* UTC, ISO 8601 */
} bt_config_here;

/* Reads this machine, batchtune's own version, the driver's, and libtorch's version from `torch_stamp` (the
 * file that `make` notes it in: version, origin, folder; may be missing). */
void bt_config_here_read(bt_config_here *here, const char *torch_stamp);

/* Compares. `thorough` hashes weights files whole. The caller closes *out. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_check_open(bt_config_check **out, const bt_config *config,
                                           const bt_config_here *here, bool thorough, bt_error *error);
void bt_config_check_close(bt_config_check **check); /* NULL-safe; nulls */

/* Whole days from one UTC time to another ("2026-01-31T12:34:56Z"); BT_AGE_UNKNOWN where either is none. */
int bt_days_between(const char *from, const char *to);

#ifdef __cplusplus
}
#endif
#endif
