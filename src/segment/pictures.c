#include "segment/pictures.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/text.h"
#include "image/folder.h"

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bt_status add(bt_pictures *pictures, const char *path, bt_error *error) {
    bt_picture_file *files =
        bt_array_grow(pictures->files, (size_t)pictures->count, 1, &pictures->room, sizeof *files);
    if (!files) return bt_no_memory(error, "a list of pictures");
    pictures->files = files;
    bt_status status = bt_path_join(pictures->files[pictures->count].path, error, "%s", path);
    pictures->count += status == BT_OK;
    return status;
}

static bt_status add_folder(bt_pictures *pictures, const char *path, bt_error *error) {
    char file[BT_PATH_SIZE];
    bt_picture_folder *folder;
    bt_status status = bt_picture_folder_open(&folder, path, INT_MAX, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < folder->count && status == BT_OK; i++) {
        status = bt_path_join(file, error, "%s/%s", folder->path, folder->names[i]);
        if (status == BT_OK) status = add(pictures, file, error);
    }
    memcpy(pictures->skipped, folder->skipped, sizeof pictures->skipped);
    bt_picture_folder_close(&folder);
    return status;
}

/* ---- names ---- */

static size_t stem_length(const bt_picture_file *file) {
    const char *name = last_part(file->path), *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* By what is before the ending, then by the whole: those that would share a name stand together. */
static int by_name(const void *a, const void *b) {
    const bt_picture_file *first = a, *second = b;
    size_t m = stem_length(first), n = stem_length(second);
    int order = memcmp(last_part(first->path), last_part(second->path), m < n ? m : n);
    if (order == 0) order = (m > n) - (m < n);
    return order ? order : strcmp(first->path, second->path);
}

static bool shares_stem(const bt_picture_file *a, const bt_picture_file *b) {
    size_t length = stem_length(a);
    return length == stem_length(b) && memcmp(last_part(a->path), last_part(b->path), length) == 0;
}

static void name_results(bt_pictures *pictures) {
    for (int i = 0; i < pictures->count; i++) {
        bt_picture_file *file = &pictures->files[i];
        bool shared = (i > 0 && shares_stem(file, file - 1)) ||
                      (i + 1 < pictures->count && shares_stem(file, file + 1));
        file->name = last_part(file->path);
        int length = (int)(shared ? strlen(file->name) : stem_length(file));
        snprintf(file->stem, sizeof file->stem, "%.*s", length, file->name);
    }
}

bt_status bt_pictures_list(bt_pictures *out, const char *path, bt_error *error) {
    struct stat facts;
    *out = (bt_pictures){0};
    if (stat(path, &facts) != 0) return bt_fail(error, BT_IO, "%s: %s", path, bt_text_system_error(errno));
    out->is_folder = S_ISDIR(facts.st_mode);
    bt_status status = out->is_folder ? add_folder(out, path, error) : add(out, path, error);
    if (status == BT_OK) {
        qsort(out->files, (size_t)out->count, sizeof *out->files, by_name);
        name_results(out);
    } else {
        bt_pictures_close(out);
    }
    return status;
}

void bt_pictures_close(bt_pictures *pictures) {
    free(pictures->files);
    *pictures = (bt_pictures){0};
}

bool bt_path_is_same(const char *a, const char *b) {
    struct stat first, second;
    if (stat(a, &first) != 0 || stat(b, &second) != 0) return strcmp(a, b) == 0;
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}
