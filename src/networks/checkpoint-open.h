/* The door to checkpoints: tells by a file's first bytes, not by its name, which format it is, and has that
 * read it. Whoever has a checkpoint needs checkpoint.h alone. */
#ifndef BT_NETWORKS_CHECKPOINT_OPEN_H
#define BT_NETWORKS_CHECKPOINT_OPEN_H

#include "networks/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads what the file holds, not yet the numbers. BT_IO where it cannot be read, BT_PARSE where it is broken
 * or holds what is refused, BT_UNSUPPORTED for another kind of file, BT_INVALID, BT_NO_MEMORY; the message
 * names the file. Close it with bt_checkpoint_close. */
BT_MUST_USE bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
