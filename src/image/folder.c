#include "image/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/files.h"
#include "base/text.h"

static bool is_named_so(const char *name) {
    static const char *const endings[] = {"png", "jpg", "jpeg", "tif", "tiff"};
    const char *dot = strrchr(name, '.');
    bool ends_so = false;
    for (size_t i = 0; dot && dot > name && name[0] != '.' && i < sizeof endings / sizeof *endings; i++)
        ends_so = ends_so || strcasecmp_l(dot + 1, endings[i], bt_text_locale()) == 0;
    return ends_so;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bt_status add_name(bt_picture_folder *folder, const char *name, bt_error *error) {
    char **names = bt_array_grow(folder->names, (size_t)folder->found, 1, &folder->room, sizeof *names);
    if (!names) return bt_no_memory(error, "listing %s", folder->path);
    folder->names = names;
    folder->names[folder->found] = strdup(name);
    if (!folder->names[folder->found]) return bt_no_memory(error, "listing %s", folder->path);
    folder->count = ++folder->found;
    return BT_OK;
}

/* Tells of what is passed over; the last places are kept for how many more there are. */
static void skip(bt_picture_folder *folder, const char *name, const char *kind) {
    const size_t used = strlen(folder->skipped), room = sizeof folder->skipped - 32;
    if (used + strlen(name) + strlen(kind) + 6 < room && folder->untold == 0)
        snprintf(folder->skipped + used, room - used, "%s%s (%s)", used ? ", " : "", name, kind);
    else
        folder->untold++;
}

/* Takes a name of the folder, if it is a picture's. */
static bt_status visit_name(bt_picture_folder *folder, const char *name, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_error too_long;
    if (!is_named_so(name) || bt_path_join(path, &too_long, "%s/%s", folder->path, name) != BT_OK)
        return BT_OK;
    const char *kind = bt_file_kind(path);
    if (!kind) return add_name(folder, name, error);
    skip(folder, name, kind);
    return BT_OK;
}

static bt_status list(bt_picture_folder *folder, bt_error *error) {
    DIR *entries = opendir(folder->path);
    bt_status status = BT_OK;
    if (!entries) return bt_fail(error, BT_IO, "%s: %s", folder->path, bt_text_system_error(errno));
    for (const struct dirent *entry; status == BT_OK && (entry = readdir(entries));)
        status = visit_name(folder, entry->d_name, error);
    closedir(entries);
    if (folder->untold > 0) {
        const size_t used = strlen(folder->skipped);
        snprintf(folder->skipped + used, sizeof folder->skipped - used, " and %d more", folder->untold);
    }
    if (status == BT_OK && folder->found == 0)
        status = bt_fail(error, BT_INVALID, "%s: no picture in it (png, jpg, jpeg, tif or tiff)%s%s",
                         folder->path, folder->skipped[0] ? "; passed over: " : "", folder->skipped);
    return status;
}

bt_status bt_picture_folder_open(bt_picture_folder **out, const char *path, int most, bt_error *error) {
    *out = NULL;
    bt_picture_folder *folder = calloc(1, sizeof *folder);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') /* names are put behind a slash of their own */
        length--;
    if (folder) folder->path = strndup(path, length);
    bt_status status = folder && folder->path ? list(folder, error) : bt_no_memory(error, "listing %s", path);
    if (status != BT_OK) {
        bt_picture_folder_close(&folder);
        return status;
    }
    qsort(folder->names, (size_t)folder->count, sizeof *folder->names, by_bytes);
    while (folder->count > most)
        free(folder->names[--folder->count]);
    *out = folder;
    return BT_OK;
}

void bt_picture_folder_close(bt_picture_folder **folder) {
    if (!*folder) return;
    while ((*folder)->count > 0)
        free((*folder)->names[--(*folder)->count]);
    free((*folder)->names);
    free((*folder)->path);
    free(*folder);
    *folder = NULL;
}

bt_status bt_picture_folder_load(const bt_picture_folder *folder, int index, const bt_picture_wishes *wishes,
                                 bt_picture *out, bt_error *error) {
    char path[BT_PATH_SIZE];
    *out = (bt_picture){0};
    bt_status status = bt_path_join(path, error, "%s/%s", folder->path, folder->names[index]);
    return status == BT_OK ? bt_picture_load(out, path, wishes, error) : status;
}

static bt_status check(const bt_picture_folder *folder, const bt_picture_wishes *wishes,
                       char words[BT_FOLDER_WORDS_SIZE], bt_log *log, bt_error *error) {
    const size_t size = BT_FOLDER_WORDS_SIZE; /* of which a path gets 300: the rest is short */
    int heights[2] = {0}, widths[2] = {0};    /* least, most */
    for (int i = 0; i < folder->count; i++) {
        bt_picture picture;
        bt_status status = bt_picture_folder_load(folder, i, wishes, &picture, error);
        if (status != BT_OK) return status;
        bt_picture_tell(&picture, log);
        if (i == 0 || picture.height < heights[0]) heights[0] = picture.height;
        if (i == 0 || picture.width < widths[0]) widths[0] = picture.width;
        if (picture.height > heights[1]) heights[1] = picture.height;
        if (picture.width > widths[1]) widths[1] = picture.width;
        bt_picture_close(&picture);
    }
    int used = snprintf(words, size, "%d", folder->count);
    if (folder->found > folder->count)
        used += snprintf(words + used, size - (size_t)used, " of %d", folder->found);
    used += snprintf(words + used, size - (size_t)used, " picture%s of %.300s, %d × %d",
                     folder->found == 1 ? "" : "s", folder->path, heights[0], widths[0]);
    if (heights[0] != heights[1] || widths[0] != widths[1])
        used += snprintf(words + used, size - (size_t)used, " to %d × %d", heights[1], widths[1]);
    snprintf(words + used, size - (size_t)used, " px");
    return BT_OK;
}

bt_status bt_picture_folder_check(const char *path, int most, const bt_picture_wishes *wishes,
                                  char words[BT_FOLDER_WORDS_SIZE], bt_log *log, bt_error *error) {
    bt_picture_folder *folder;
    bt_status status = bt_picture_folder_open(&folder, path, most, error);
    if (status != BT_OK) return status;
    status = check(folder, wishes, words, log, error);
    bt_picture_folder_close(&folder);
    return status;
}
