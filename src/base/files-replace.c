/* Replacing a file: the old one or the new one is there at any moment, and nothing between. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

/* A link is followed, so that the file it names is replaced and the link stays. What is there and is no
 * regular file is refused: a rename onto /dev/null would take the device away from the whole machine. */
static bt_status resolve(char out[BT_PATH_SIZE], const char *path, bt_error *error) {
    struct stat about;
    if (!*path) return bt_fail(error, BT_INVALID, "the file's name is empty");
    bt_status status = bt_path_join(out, error, "%s", path);
    if (status != BT_OK || lstat(path, &about) != 0) return status;
    if (S_ISLNK(about.st_mode)) {
        char *target = realpath(path, NULL);
        if (!target)
            return bt_fail(error, BT_IO, "%s: the link leads nowhere: %s", path, bt_text_system_error(errno));
        status = bt_path_join(out, error, "%s", target);
        free(target);
        if (status != BT_OK || stat(out, &about) != 0) return status;
    }
    if (S_ISREG(about.st_mode)) return BT_OK;
    return bt_fail(error, BT_IO, "%s: is %s, not a file", path, bt_file_kind_of(about.st_mode));
}

bt_status bt_file_check_writable(const char *path, bt_error *error) {
    char target[BT_PATH_SIZE], folder[BT_PATH_SIZE];
    bt_status status = resolve(target, path, error);
    if (status != BT_OK) return status;
    status = bt_path_folder(folder, target, error);
    if (status != BT_OK) return status;
    status = bt_folder_make(folder, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", path);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        return bt_fail(error, BT_IO, "%s: files cannot be written in %s: %s", path, folder,
                       bt_text_system_error(errno));
    return BT_OK;
}

/* ---- the new file, beside the old one ---- */

static int write_all(int file, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Opens a file that was not there, beside `path`; -1 with errno. The number makes threads and leftovers of a
 * killed process with our id differ. */
static int open_temporary(char out[BT_PATH_SIZE], const char *path, mode_t mode) {
    static atomic_uint serial;
    for (int tries = 0; tries < 1000; tries++) {
        bt_status status =
            bt_path_join(out, NULL, "%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&serial, 1));
        if (status != BT_OK) return errno = ENAMETOOLONG, -1;
        int file = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file >= 0 || errno != EEXIST) return file;
    }
    return -1;
}

#define NEW_FILE (-1) /* in place of a mode: 0644 less the umask */

/* The permissions of what is put in `path`'s place: those of what is there. */
static int mode_of(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 ? (int)(about.st_mode & 0777) : NEW_FILE;
}

/* The bytes, safely on disk under a new name. On failure nothing is left, and errno tells the cause. */
static int write_temporary(char out[BT_PATH_SIZE], const char *path, const void *bytes, size_t size,
                           int mode) {
    int file = open_temporary(out, path, mode == NEW_FILE ? 0644 : (mode_t)mode);
    if (file < 0) return -1;
    if (mode != NEW_FILE) (void)!fchmod(file, (mode_t)mode); /* refused: narrower, by the umask */
    int failed = write_all(file, bytes, size) != 0 || fsync(file) != 0;
    int cause = errno;
    if (close(file) != 0 && !failed) failed = 1, cause = errno;
    if (failed) unlink(out);
    errno = cause;
    return failed ? -1 : 0;
}

/* ---- in its place ---- */

/* Makes the rename last. A file system that cannot flush folders says EINVAL, and there is nothing to do. */
static bt_status flush_folder(const char *path, bt_error *error) {
    char folder[BT_PATH_SIZE];
    bt_status status = bt_path_folder(folder, path, error);
    if (status != BT_OK) return status;
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0 && errno == EACCES) return BT_OK;
    if (file < 0 || (fsync(file) != 0 && errno != EINVAL))
        status = bt_fail(error, BT_IO, "%s: written, but may not survive a power cut: %s", path,
                         bt_text_system_error(errno));
    if (file >= 0) close(file);
    return status;
}

static bt_status put(const char *path, const void *bytes, size_t size, int mode, bool keep_backup,
                     bt_error *error);

/* A copy rather than a second name for the old file: not every file system has hard links. */
static bt_status back_up(const char *path, bt_error *error) {
    char backup[BT_PATH_SIZE];
    char *old = NULL;
    size_t old_size;
    bt_status status = bt_path_join(backup, error, "%s.bak", path);
    if (status == BT_OK) status = bt_file_read(path, SIZE_MAX - 1, &old, &old_size, error);
    if (status == BT_OK) status = put(backup, old, old_size, mode_of(path), false, error);
    free(old);
    return status;
}

static bt_status put(const char *path, const void *bytes, size_t size, int mode, bool keep_backup,
                     bt_error *error) {
    char target[BT_PATH_SIZE], temporary[BT_PATH_SIZE];
    bt_status status = resolve(target, path, error);
    if (status != BT_OK) return status;
    if (write_temporary(temporary, target, bytes, size, mode) != 0)
        return bt_fail(error, bt_file_write_status(errno), "%s: cannot be written: %s", path,
                       bt_text_system_error(errno));
    if (keep_backup && bt_file_exists(target)) status = back_up(target, error);
    if (status == BT_OK && rename(temporary, target) != 0)
        status = bt_fail(error, bt_file_write_status(errno), "%s: cannot be replaced: %s", path,
                         bt_text_system_error(errno));
    if (status != BT_OK) {
        unlink(temporary);
        return status;
    }
    return flush_folder(target, error);
}

bt_status bt_file_replace(const char *path, const void *bytes, size_t size, bool keep_backup,
                          bt_error *error) {
    return put(path, bytes, size, mode_of(path), keep_backup, error);
}
