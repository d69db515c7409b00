/* A folder of somebody's own pictures, to tune and to prove a service on what it will really be sent. */
#ifndef BT_IMAGE_FOLDER_H
#define BT_IMAGE_FOLDER_H

#include "image/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_FOLDER_WORDS_SIZE 512

typedef struct bt_picture_folder {
    char *path;
    char **names; /* of the pictures that are used, in the order of their bytes */
    int count;    /* of those; at least 1 */
    int found;    /* pictures in the folder */
    size_t room;  /* of `names` */
    /* What is called like a picture and is no file: "b.png (a pipe), c.png (a folder) and 3 more"; "" for
     * none. Opening it might wait for ever. */
    char skipped[BT_FOLDER_WORDS_SIZE];
    int untold; /* of those, which found no room there */
} bt_picture_folder;

/* Lists the files of `path` that end in png, jpg, jpeg, tif or tiff, in either case; names that begin
 * with a dot are passed over, what is no file is too, and is told in `skipped`. The first `most` by name are
 * used. Nothing is decoded yet. BT_IO where the folder cannot be read, BT_INVALID where no
 * picture is in it, BT_NO_MEMORY. The caller closes it. */
BT_MUST_USE bt_status bt_picture_folder_open(bt_picture_folder **out, const char *path, int most,
                                             bt_error *error);
void bt_picture_folder_close(bt_picture_folder **folder); /* NULL-safe; nulls */

/* Decodes picture `index`, 0..count-1; wishes and errors as bt_picture_load's, which name the file. */
BT_MUST_USE bt_status bt_picture_folder_load(const bt_picture_folder *folder, int index,
                                             const bt_picture_wishes *wishes, bt_picture *out,
                                             bt_error *error);

/* Decodes the first `most` pictures of a folder, one at a time, to see that they can be, tells their notes,
 * and says what they are, for a record: "8 of 132 pictures of plates/, 1024 x 1024 px". Errors as the
 * functions above. */
BT_MUST_USE bt_status bt_picture_folder_check(const char *path, int most, const bt_picture_wishes *wishes,
                                              char words[BT_FOLDER_WORDS_SIZE], bt_log *log, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
