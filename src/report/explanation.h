/* Why batching pays or does not, for people and for programs: one explanation as text, Markdown or JSON.
 *
 * The sentences are the explanation's own; here they are laid out beside the figures that they stand on. */
#ifndef BT_REPORT_EXPLANATION_H
#define BT_REPORT_EXPLANATION_H

#include <stdio.h>

#include "base/error.h"
#include "record/explanation.h"
#include "settings/explanation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text is within the terminal's width. BT_NO_MEMORY, BT_NOT_WRITTEN where `out` fails. */
BT_MUST_USE bt_status bt_report_explanation(const bt_explanation *explanation, bt_explanation_format format,
                                            FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
