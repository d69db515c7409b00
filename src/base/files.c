#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/program.h"
#include "base/text.h"

bool bt_file_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

/* NULL for a regular file. */
static const char *kind_of(mode_t mode) {
    if (S_ISREG(mode)) return NULL;
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

const char *bt_file_kind(const char *path) {
    struct stat about;
    if (stat(path, &about) == 0) return kind_of(about.st_mode);
    return lstat(path, &about) == 0 && S_ISLNK(about.st_mode) ? "a link that leads nowhere" : NULL;
}

bt_status bt_file_check_regular(const char *path, bt_error *error) {
    struct stat about;
    if (stat(path, &about) != 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", path, bt_text_system_error(errno));
    if (S_ISREG(about.st_mode)) return BT_OK;
    return bt_fail(error, BT_IO, "%s: is %s, not a file", path, kind_of(about.st_mode));
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

/* "a/b.json" lies in "a", "b.json" in ".", "/b.json" in "/". */
static bt_status folder_of(char out[BT_PATH_SIZE], const char *path, bt_error *error) {
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
    return folder_of(out, program, error);
}

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
    return bt_fail(error, BT_IO, "%s: is %s, not a file", path, kind_of(about.st_mode));
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

bt_status bt_file_check_writable(const char *path, bt_error *error) {
    char target[BT_PATH_SIZE], folder[BT_PATH_SIZE];
    bt_status status = resolve(target, path, error);
    if (status != BT_OK) return status;
    status = folder_of(folder, target, error);
    if (status != BT_OK) return status;
    status = bt_folder_make(folder, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", path);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        return bt_fail(error, BT_IO, "%s: files cannot be written in %s: %s", path, folder,
                       bt_text_system_error(errno));
    return BT_OK;
}

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

/* Makes the rename last. A file system that cannot flush folders says EINVAL, and there is nothing to do. */
static bt_status flush_folder(const char *path, bt_error *error) {
    char folder[BT_PATH_SIZE];
    bt_status status = folder_of(folder, path, error);
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

/* ---- reading ---- */

#define WAIT_MS 100 /* how soon a stop is seen */

/* A file that is read from its start to its end. */
typedef struct reading {
    const char *path;
    int file;
    bool pipe, named; /* named: it lies in a folder, and its first writer may be yet to come */
    bool begun;       /* a byte has come */
} reading;

/* Waits for a pipe's writer. */
static bt_status wait_for_writer(const reading *r, bt_error *error) {
    struct pollfd writer = {.fd = r->file, .events = POLLIN};
    int64_t until_ns = bt_clock_now_ns() + BT_PIPE_SILENCE_S * BT_NS_PER_S;
    while (poll(&writer, 1, WAIT_MS) <= 0) {
        if (bt_program_stopped())
            return bt_fail(error, BT_CANCELLED, "%s: interrupted while a pipe was waited for", r->path);
        if (!bt_program_begun() && bt_clock_now_ns() > until_ns)
            return bt_fail(error, BT_IO, "%s: is a pipe into which nobody wrote for %d s", r->path,
                           BT_PIPE_SILENCE_S);
    }
    return BT_OK;
}

/* The next bytes; *got is 0 at the end. */
static bt_status read_some(reading *r, char *bytes, size_t room, size_t *got, bt_error *error) {
    for (;;) {
        ssize_t count = read(r->file, bytes, room);
        if (count < 0 && errno == EINTR) continue;
        const bool early = count == 0 && r->named && !r->begun; /* nobody writes yet */
        const bool later = count < 0 && errno == EAGAIN && r->pipe;
        if (count < 0 && !later)
            return bt_fail(error, BT_IO, "%s: cannot be read: %s", r->path, bt_text_system_error(errno));
        *got = count > 0 ? (size_t)count : 0;
        r->begun |= count > 0;
        if (!early && !later) return BT_OK;
        bt_status status = wait_for_writer(r, error);
        if (status != BT_OK) return status;
        r->begun |= early; /* whoever came and went without a byte has written an empty file */
    }
}

static bt_status read_all(reading *r, size_t limit, char **out, size_t *size, bt_error *error) {
    size_t used = 0, room = 0, got = 1;
    char *bytes = NULL;
    bt_status status = BT_OK;
    while (got > 0) {
        if (room - used < 2) { /* one for the next byte, one for the NUL */
            room = room ? room * 2 : 16384;
            char *more = realloc(bytes, room);
            if (!more) {
                free(bytes);
                return bt_fail(error, BT_NO_MEMORY, "%s: memory ran out after %zu bytes", r->path, used);
            }
            bytes = more;
        }
        status = read_some(r, bytes + used, room - used - 1, &got, error);
        if (status != BT_OK) break;
        used += got;
        if (used > limit) {
            status =
                bt_fail(error, BT_PARSE, "%s: is larger than the %zu bytes that are read", r->path, limit);
            break;
        }
    }
    if (status != BT_OK) {
        free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *out = bytes;
    *size = used;
    return BT_OK;
}

/* Never waits, neither for a pipe's writer nor for a device. */
static bt_status open_to_read(reading *r, bt_error *error) {
    struct stat about;
    struct statfs system;
    r->file = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (r->file < 0) {
        const int cause = errno;
        const char *kind = cause == ENXIO ? bt_file_kind(r->path) : NULL; /* what sockets give */
        if (kind) return bt_fail(error, BT_IO, "%s: is %s, not a file", r->path, kind);
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", r->path, bt_text_system_error(cause));
    }
    if (fstat(r->file, &about) != 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", r->path, bt_text_system_error(errno));
    r->pipe = S_ISFIFO(about.st_mode);
    r->named = r->pipe && fstatfs(r->file, &system) == 0 && system.f_type != PIPEFS_MAGIC;
    if (r->pipe || S_ISREG(about.st_mode)) return BT_OK;
    return bt_fail(error, BT_IO, "%s: is %s, not a file", r->path, kind_of(about.st_mode));
}

bt_status bt_file_read(const char *path, size_t limit, char **out, size_t *size, bt_error *error) {
    reading r = {.path = path};
    bt_status status = open_to_read(&r, error);
    if (status == BT_OK) status = read_all(&r, limit, out, size, error);
    if (r.file >= 0) close(r.file);
    return status;
}
