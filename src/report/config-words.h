/* The words that both forms of the config's report share. Only they include this. */
#ifndef BT_REPORT_CONFIG_WORDS_H
#define BT_REPORT_CONFIG_WORDS_H

#include <stddef.h>

#include "record/config-check.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_ADVICE_MAX 128

typedef struct bt_advice {
    int count;
    char lines[BT_ADVICE_MAX][BT_TEXT_SIZE];
} bt_advice;

/* What ought to be done, the most pressing first; nothing when all is well. The caller frees *out with
 * free(). BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_config_advice(bt_advice **out, const bt_config *config, const bt_config_check *check,
                                       bt_error *error);

/* "today", "1 day ago", "92 days ago", "dated in the future", "" where unknown. */
void bt_config_age(int days, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
