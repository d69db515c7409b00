/* What kind of thing a model's file is, told by the names in its archive, for networks/model.c alone. Nothing
 * in it is unpacked or run: libtorch does that, and a program that is about to say "this is not what you
 * meant" should not have run it first. */
#ifndef BT_NETWORKS_MODEL_ARCHIVE_H
#define BT_NETWORKS_MODEL_ARCHIVE_H

#include <stdbool.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether `path` is a compiled package (`package`), or else TorchScript, and as it was written: all of it is
 * read. BT_PARSE says what it is instead and what would make the right thing; BT_IO. Built without libzip it
 * only looks for an archive's first bytes. */
BT_MUST_USE bt_status bt_model_archive_check(const char *path, bool package, bt_error *error);

/* The images' height and width that a package was compiled for, from the text of the program that AOTInductor
 * puts beside its machine code: what it says when it refuses others. Both 0 where it takes any, where it does
 * not say, or where there is no package at `path`. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_model_archive_input(const char *path, int *height, int *width, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
