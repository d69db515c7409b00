/* In which numbers a network computes: the words for it, everywhere the same.
 *
 * What a user asks for is one of bt_precision; what a session takes is one of those that are a precision.
 * "Half" is the device's: BF16 on a CPU, FP16 on a GPU. */
#ifndef BT_SETTINGS_PRECISION_H
#define BT_SETTINGS_PRECISION_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_precision {
    BT_PRECISION_AUTO, /* the fastest that use_amp allows, as measured: FP32 or the device's half */
    BT_PRECISION_FP32,
    BT_PRECISION_BF16,
    BT_PRECISION_FP16,
    BT_PRECISION_INT8,      /* bytes between the operations, their scales from a calibration */
    BT_PRECISION_AUTO_INT8, /* as auto, and INT8 may win as well */
    BT_PRECISION_COUNT
} bt_precision;

/* The words in the order of bt_precision, as an option's choices; where nothing is raced the last means nothing. */
#define BT_PRECISION_SERVED_CHOICES "auto|fp32|bf16|fp16|int8"
#define BT_PRECISION_CHOICES        BT_PRECISION_SERVED_CHOICES "|auto-int8"

/* "auto", "fp32", ...; never NULL. */
const char *bt_precision_name(bt_precision precision);

/* The same for a sentence: "FP32", "BF16", ...; never NULL. */
const char *bt_precision_title(bt_precision precision);

/* By its name in lower case; false where there is none, and *out stays. */
bool bt_precision_find(bt_precision *out, const char *name);

/* Whether it leaves the choice to a measurement. */
bool bt_precision_is_open(bt_precision precision);

/* Whether INT8 was asked for, by itself or among others. */
bool bt_precision_wants_int8(bt_precision precision);

#ifdef __cplusplus
}
#endif
#endif
