/* Notes for people that grow clause by clause: "CPU governor differs; 3 of 40 periods throttled". */
#ifndef BT_GATE_NOTE_H
#define BT_GATE_NOTE_H

#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds a clause to a note of at most `size` bytes, after "; " where it is not the first; cut where it does not
 * fit. */
void bt_note_add(char *note, size_t size, const char *format, ...) BT_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
