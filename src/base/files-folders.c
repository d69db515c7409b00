/* Folders: made, checked before anything is begun, and one of its own for a run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"

/* `part` of `path`, or all of it, is there and something else. */
static bt_status no_folder(const char *part, const char *path, bt_error *error) {
    const char *kind = bt_file_kind(part);
    if (strcmp(part, path) == 0)
        return bt_fail(error, BT_IO, "%s: is %s, not a folder", path, kind ? kind : "a file");
    return bt_fail(error, BT_IO, "%s: is %s, where %s wants a folder", part, kind ? kind : "a file", path);
}

bt_status bt_folder_make(const char *path, bt_error *error) {
    char part[BT_PATH_SIZE];
    if (!*path) return bt_fail(error, BT_INVALID, "the folder's name is empty");
    bt_status status = bt_path_join(part, error, "%s", path);
    if (status != BT_OK) return status;
    for (char *end = part + 1;; end++) {
        if (*end && *end != '/') continue;
        char kept = *end;
        *end = '\0';
        struct stat about;
        if (mkdir(part, 0777) != 0) {
            int cause = errno;
            if (stat(part, &about) != 0)
                return bt_fail(error, bt_file_write_status(cause), "%s: the folder cannot be made: %s", part,
                               bt_text_system_error(cause));
            if (!S_ISDIR(about.st_mode)) return no_folder(part, path, error);
        }
        if (!kept) return BT_OK;
        *end = kept;
    }
}

/* The part of `path` that is there: itself, a folder above it, or the current one. */
static void climb(char out[BT_PATH_SIZE], struct stat *about) {
    while (stat(out, about) != 0) {
        char *slash = strrchr(out, '/');
        if (!slash || slash == out) {
            strcpy(out, slash ? "/" : ".");
            if (stat(out, about) != 0) *about = (struct stat){.st_mode = 0};
            return;
        }
        *slash = '\0';
    }
}

bt_status bt_folder_check(const char *path, bt_error *error) {
    char there[BT_PATH_SIZE];
    struct stat about;
    if (!*path) return bt_fail(error, BT_INVALID, "the folder's name is empty");
    bt_status status = bt_path_join(there, error, "%s", path);
    if (status != BT_OK) return status;
    climb(there, &about);
    if (!S_ISDIR(about.st_mode)) return no_folder(there, path, error);
    if (faccessat(AT_FDCWD, there, W_OK | X_OK, AT_EACCESS) == 0) return BT_OK;
    if (strcmp(there, path) == 0)
        return bt_fail(error, BT_IO, "%s: files cannot be written there: %s", path,
                       bt_text_system_error(errno));
    return bt_fail(error, BT_IO, "%s: the folder cannot be made: %s", path, bt_text_system_error(errno));
}

/* ---- where a command writes ---- */

static bt_status check_start(const char *path, bt_error *error) {
    char here[BT_PATH_SIZE], first[BT_PATH_SIZE];
    if (!*path || *path == '/' || !getcwd(here, sizeof here) || strcmp(here, "/") != 0) return BT_OK;
    bt_status status = bt_path_join(first, error, "%.*s", (int)strcspn(path, "/"), path);
    if (status != BT_OK || bt_file_exists(first)) return status;
    return bt_fail(error, BT_INVALID,
                   "%s would be made in /, where this was started: start it in a folder of your own, or give "
                   "--output, --results and --plots whole paths",
                   first);
}

bt_status bt_outputs_check(const char *output, const char *results, const char *plots, bt_error *error) {
    const struct {
        const char *option, *path;
        bool folder;
    } places[] = {{"--output", output, false}, {"--results", results, true}, {"--plots", plots, true}};
    bt_status status = BT_OK;
    for (int i = 0; i < 3; i++) {
        status = check_start(places[i].path, error);
        if (status == BT_OK && places[i].folder) status = bt_folder_check(places[i].path, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s", places[i].option);
    }
    return status;
}

bt_status bt_folder_make_run(char id[BT_RUN_ID_SIZE], char folder[BT_PATH_SIZE], const char *results,
                             const char *kind, bt_error *error) {
    char utc[32], stamp[32];
    size_t used = 0;
    bt_status status = bt_folder_make(results, error);
    if (status != BT_OK) return status;
    bt_clock_utc(utc);
    for (const char *c = utc; *c; c++)
        if (*c != ':') stamp[used++] = *c;
    stamp[used] = '\0';
    for (int attempt = 1; attempt < 1000; attempt++) {
        if (attempt == 1)
            snprintf(id, BT_RUN_ID_SIZE, "%s-%s", stamp, kind);
        else
            snprintf(id, BT_RUN_ID_SIZE, "%s-%s-%d", stamp, kind, attempt);
        status = bt_path_join(folder, error, "%s/%s", results, id);
        if (status != BT_OK) return status;
        if (mkdir(folder, 0755) == 0) return BT_OK;
        const int cause = errno;
        if (!bt_file_exists(folder))
            return bt_fail(error, bt_file_write_status(cause), "%s: cannot make a folder for the run: %s",
                           folder, bt_text_system_error(cause));
    }
    return bt_fail(error, BT_IO, "%s: cannot make a folder for the run", folder);
}
