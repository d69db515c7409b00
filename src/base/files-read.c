/* Reading a whole file, or what somebody writes into a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/program.h"
#include "base/text.h"

#define WAIT_MS 100 /* how soon a stop is seen */

/* The least that is asked for at once. Raising it takes more memory for each small file, of which most are;
 * lowering it takes more calls for the first bytes of a large one, whose room doubles anyhow. */
#define CHUNK_BYTES 16384

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
            char *more = bt_array_grow(bytes, used, CHUNK_BYTES, &room, 1);
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
    return bt_fail(error, BT_IO, "%s: is %s, not a file", r->path, bt_file_kind_of(about.st_mode));
}

bt_status bt_file_read(const char *path, size_t limit, char **out, size_t *size, bt_error *error) {
    reading r = {.path = path};
    bt_status status = open_to_read(&r, error);
    if (status == BT_OK) status = read_all(&r, limit, out, size, error);
    if (r.file >= 0) close(r.file);
    return status;
}
