#include "segment/pictures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool has_picture_ending(const char *name) {
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof endings / sizeof *endings && dot && dot != name; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

static bt_status add(bt_pictures *pictures, const char *path, bt_error *error) {
    if ((pictures->count & (pictures->count - 1)) == 0) { /* full at each power of two */
        size_t room = pictures->count ? 2 * (size_t)pictures->count : 1;
        bt_picture_file *files = realloc(pictures->files, room * sizeof *files);
        if (!files) return bt_fail(error, BT_NO_MEMORY, "out of memory for a list of pictures");
        pictures->files = files;
    }
    bt_status status = bt_path_join(pictures->files[pictures->count].path, error, "%s", path);
    pictures->count += status == BT_OK;
    return status;
}

static bt_status add_from_folder(bt_pictures *pictures, const char *folder, const char *name,
                                 bt_error *error) {
    char path[BT_PATH_SIZE];
    struct stat facts;
    if (name[0] == '.' || !has_picture_ending(name)) return BT_OK;
    bt_status status = bt_path_join(path, error, "%s/%s", folder, name);
    if (status != BT_OK || stat(path, &facts) != 0 || S_ISDIR(facts.st_mode)) return status;
    return add(pictures, path, error);
}

static bt_status read_folder(bt_pictures *pictures, const char *path, bt_error *error) {
    DIR *folder = opendir(path);
    if (!folder) return bt_fail(error, BT_IO, "%s cannot be read: %s", path, strerror(errno));
    bt_status status = BT_OK;
    for (struct dirent *entry; status == BT_OK && (entry = readdir(folder));)
        status = add_from_folder(pictures, path, entry->d_name, error);
    closedir(folder);
    if (status == BT_OK && pictures->count == 0)
        return bt_fail(error, BT_INVALID, "%s holds no picture: no *.png, *.jpg, *.jpeg, *.tif or *.tiff",
                       path);
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
    if (stat(path, &facts) != 0) return bt_fail(error, BT_IO, "%s: %s", path, strerror(errno));
    out->is_folder = S_ISDIR(facts.st_mode);
    bt_status status = out->is_folder ? read_folder(out, path, error) : add(out, path, error);
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
