/* What explain-batching is asked for. */
#ifndef BT_SETTINGS_EXPLANATION_H
#define BT_SETTINGS_EXPLANATION_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_explanation_format {
    BT_EXPLANATION_TABLE,
    BT_EXPLANATION_JSON,
    BT_EXPLANATION_MARKDOWN
} bt_explanation_format;

typedef struct bt_explanation_settings {
    bt_names models; /* none: all */
    double rate;     /* requests a second; 0: 60 % of the capacity */
    int format;      /* bt_explanation_format */
} bt_explanation_settings;

extern const bt_option bt_explanation_settings_table[];
extern const size_t bt_explanation_settings_count;

#ifdef __cplusplus
}
#endif
#endif
