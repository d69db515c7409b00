/* A network as a text file of operations, one a line, so that a user's network runs as the built-in ones do,
 * compiled plan and all, without C:
 *
 *     title U-Net
 *     x1 = conv(image) channels=64 kernel=3 weights=inc.double_conv.0 batch_norm=inc.double_conv.1 activation=relu
 *     x2 = max_pool(x1) kernel=2
 *     ...
 *     output logits
 *
 * The reader makes the same bt_network as builder.h's functions do (docs/models-and-weights.md has every operation and
 * key). What it reads comes from anybody: the file, its names and all counts are bounded, and whatever does not fit
 * together is told with its line before anything is computed with it. */
#ifndef BT_NETWORKS_LIST_FILE_H
#define BT_NETWORKS_LIST_FILE_H

#include <stddef.h>

#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads `size` bytes of text; `file` is what messages call it, `name` what flags call the network. BT_PARSE with
 * file and line: what was found, what would be right. BT_NO_MEMORY. Free with bt_network_close. */
BT_MUST_USE bt_status bt_network_list_read(bt_network **out, const char *name, const char *file,
                                           const char *text, size_t size, bt_error *error);
/* A network by its file, or, where that is NULL or "", the built-in one of that name. */
BT_MUST_USE bt_status bt_network_open_file(bt_network **out, const char *name, const char *file,
                                           bt_error *error);
/* Of a file; BT_IO where it cannot be read. */
BT_MUST_USE bt_status bt_network_list_load(bt_network **out, const char *name, const char *path,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
