/* Which pictures are to be segmented, and what their results are called. */
#ifndef BT_SEGMENT_PICTURES_H
#define BT_SEGMENT_PICTURES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/files.h"
#include "image/folder.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_picture_file {
    char path[BT_PATH_SIZE];
    const char *name; /* of `path`, its last part */
    char stem[256];   /* the name for its results: without the ending, unless another picture has that too */
} bt_picture_file;

typedef struct bt_pictures {
    bt_picture_file *files;
    int count;
    size_t room;
    bool is_folder;
    char skipped[BT_FOLDER_WORDS_SIZE]; /* as image/folder.h tells them; "" for none */
} bt_pictures;

/* The picture at `path`, or those of a folder (as image/folder.h tells them), by name. Opens none of them.
 * The caller closes *out; it is empty on failure. BT_IO where there is nothing at `path` or the folder cannot
 * be read, BT_INVALID for a folder without a picture or a path that is too long, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_pictures_list(bt_pictures *out, const char *path, bt_error *error);
void bt_pictures_close(bt_pictures *pictures); /* leaves it empty; an empty one will do */

/* Whether two paths lead to the same file or folder, which need not be there. */
bool bt_path_is_same(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif
