/* Paths, and what is at one. */
#include "base/files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

bool bt_file_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

const char *bt_file_kind_of(mode_t mode) {
    if (S_ISREG(mode)) return NULL;
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

const char *bt_file_kind(const char *path) {
    struct stat about;
    if (stat(path, &about) == 0) return bt_file_kind_of(about.st_mode);
    return lstat(path, &about) == 0 && S_ISLNK(about.st_mode) ? "a link that leads nowhere" : NULL;
}

bt_status bt_file_check_regular(const char *path, bt_error *error) {
    struct stat about;
    if (stat(path, &about) != 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", path, bt_text_system_error(errno));
    if (S_ISREG(about.st_mode)) return BT_OK;
    return bt_fail(error, BT_IO, "%s: is %s, not a file", path, bt_file_kind_of(about.st_mode));
}

bt_status bt_file_write_status(int cause) {
    return cause == ENOSPC || cause == EDQUOT || cause == EFBIG || cause == EIO ? BT_NOT_WRITTEN : BT_IO;
}

bt_status bt_path_join(char out[BT_PATH_SIZE], bt_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = bt_text_format_list(out, BT_PATH_SIZE, format, arguments);
    va_end(arguments);
    if (length >= 0 && length < BT_PATH_SIZE) return BT_OK;
    return bt_fail(error, BT_INVALID, "%.100s...: the path is too long (%d bytes, at most %d)", out, length,
                   BT_PATH_SIZE - 1);
}

bt_status bt_path_folder(char out[BT_PATH_SIZE], const char *path, bt_error *error) {
    const char *slash = strrchr(path, '/');
    if (!slash) return bt_path_join(out, error, ".");
    return bt_path_join(out, error, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bt_status bt_path_of_program(char out[BT_PATH_SIZE], bt_error *error) {
    char program[BT_PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return bt_fail(error, BT_IO, "/proc/self/exe: cannot be read (%s); is /proc mounted?",
                       bt_text_system_error(errno));
    program[length] = '\0';
    return bt_path_folder(out, program, error);
}
